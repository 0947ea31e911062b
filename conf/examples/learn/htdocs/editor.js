// SPDX-License-Identifier: Apache-2.0
// A plain text field as code editor. The build puts CodeMirror (packaging/learn-ui/editor.js) in its place, with the same interface.

export const help = 'Ctrl+Enter runs the code.';

export function editor(place, { text, label, onchange, onrun }) {
  const field = document.createElement('textarea');
  field.value = text;
  field.spellcheck = false;
  field.setAttribute('autocapitalize', 'off');
  field.setAttribute('aria-label', label);
  field.addEventListener('input', () => onchange(field.value));
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onrun();
    }
  });
  place.append(field);
  return {
    get text() { return field.value; },
    set text(value) { field.value = value; onchange(value); },
    focus: () => field.focus(),
  };
}
