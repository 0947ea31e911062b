// SPDX-License-Identifier: Apache-2.0
// The code editor of the page to learn on: CodeMirror, with the interface of conf/examples/learn/htdocs/editor.js, which it replaces.
import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { python } from '@codemirror/lang-python';
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

// Both follow the variables of learn.css, so that light and dark are decided there.
const theme = EditorView.theme({
  '&': { minHeight: '16rem', maxHeight: '70vh', fontSize: '0.95rem', color: 'var(--text)', backgroundColor: 'var(--code)' },
  '&.cm-focused': { outline: 'none' }, // learn.css draws it around the whole field
  '.cm-scroller': { fontFamily: 'ui-monospace, monospace', lineHeight: '1.5', minHeight: '16rem' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { color: 'var(--quiet)', backgroundColor: 'var(--code)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--line)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { background: 'var(--selection)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--selection)' },
});
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: 'var(--code-keyword)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
  { tag: [tags.function(tags.variableName), tags.definition(tags.variableName)], color: 'var(--code-name)' },
  { tag: tags.comment, color: 'var(--quiet)', fontStyle: 'italic' },
]);

// What is typed over a selection. Left to itself Chromium keeps the look of the replaced text by a style attribute, which the content security policy
// refuses.
const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    if (event.inputType !== 'insertText' || empty || !event.data) return false;
    const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true });
    const handled = view.state.facet(EditorView.inputHandler).some((handle) => handle(view, from, to, event.data, insert));
    if (!handled) view.dispatch(insert());
    return true;
  },
});

export const help = 'Tab indents: press Esc, then Tab, to leave the editor. Ctrl+Enter runs the code.';

export function editor(place, { text, label, language, describedBy, onchange, onrun }) {
  // In a shadow root CodeMirror adopts its style sheets; in the document it would add a <style>, which the content security policy refuses.
  const root = place.attachShadow({ mode: 'open' });
  // A label does not reach into a shadow root: the help is repeated there for screen readers.
  const note = Object.assign(document.createElement('span'), { id: 'help', textContent: help, hidden: true });
  root.append(note);
  const run = { key: 'Mod-Enter', run: () => (onrun(), true) };
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: text,
      extensions: [
        keymap.of([run, ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
        lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), highlightActiveLine(),
        typeOver, indentUnit.of('    '), EditorState.tabSize.of(4), theme, syntaxHighlighting(colours),
        language === 'python' ? python() : [],
        matchMedia('(max-width: 40rem)').matches ? EditorView.lineWrapping : [], // a phone has no room to scroll sideways
        EditorView.contentAttributes.of({ 'aria-label': label, 'aria-describedby': note.id }),
        EditorView.updateListener.of((update) => update.docChanged && onchange(update.state.doc.toString())),
      ],
    }),
  });
  return {
    get text() { return view.state.doc.toString(); },
    set text(value) { view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } }); },
    focus: () => view.focus(),
  };
}
