// SPDX-License-Identifier: Apache-2.0
// The blocks that the panels are built of.

const present = (parts) => parts.flat(Infinity).filter((part) => part !== undefined && part !== null && part !== false && part !== '');

// An element. Texts become text nodes, so nothing that the API says is read as HTML.
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...present(children));
  return element;
}

export const byId = (id) => document.getElementById(id);

// Reads a sentence to those who listen instead of looking.
export function say(sentence) {
  byId('said').textContent = '';
  requestAnimationFrame(() => { byId('said').textContent = sentence; }); // the same sentence twice is read twice
}

// The part of a panel below its heading.
function bodyOf(id) {
  const section = byId(id);
  return section.querySelector(':scope > .body') ?? section.appendChild(h('div', { class: 'body' }));
}

// Draws a panel anew. Where the reader was in it stays: the focus on the element with the same data-key, what was opened, and how far tables were
// scrolled.
export function fill(id, ...parts) {
  const body = bodyOf(id);
  const key = body.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const opened = new Set([...body.querySelectorAll('details[open]')].map((one) => one.dataset.key));
  const scrolled = [...body.querySelectorAll('.scrolls')].map((one) => one.scrollLeft);
  body.replaceChildren(...present(parts));
  body.querySelectorAll('.scrolls').forEach((one, i) => { one.scrollLeft = scrolled[i] ?? 0; });
  for (const one of body.querySelectorAll('details')) one.open = opened.has(one.dataset.key);
  if (key) body.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// What a panel says instead of figures, or below the ones that it has.
export function note(id, text) {
  const section = byId(id);
  const old = section.querySelector(':scope > .state');
  if (old?.textContent === text) return;
  old?.remove();
  if (text) section.querySelector('h2').after(h('p', { class: 'state' }, text));
}

export const hasBody = (id) => byId(id).querySelector(':scope > .body')?.childElementCount > 0;

// A table that scrolls by itself where it is wider than its panel. Columns: [heading, cell of a row, class].
export function table(label, columns, rows) {
  const cell = (row) => ([, get, kind], i) => h(i === 0 ? 'th' : 'td', { ...(i === 0 && { scope: 'row' }), class: kind }, get(row));
  return h('div', { class: 'scrolls', tabindex: 0, role: 'region', 'aria-label': label, 'data-key': label },
    h('table', {}, h('thead', {}, h('tr', {}, columns.map(([heading, , kind]) => h('th', { scope: 'col', class: kind }, heading)))),
      h('tbody', {}, rows.map((row) => h('tr', {}, columns.map(cell(row)))))));
}

// Names and what belongs to them: [name, value, what it means in words].
export const facts = (list) => h('dl', { class: 'facts' }, list.map(([name, value, hint]) => h('div', {}, h('dt', {}, name),
  h('dd', {}, value, hint && h('span', { class: 'quiet' }, ` ${hint}`)))));

const marks = { pass: '✓', warn: '!', fail: '✕', off: '–' };
const words = { pass: 'works', warn: 'warning', fail: 'fails', off: 'not in use' };
export const badge = (status, text = words[status] ?? status) => h('span', { class: `badge ${status}` },
  h('span', { 'aria-hidden': 'true' }, marks[status] ?? '•'), ` ${text}`);

// A labelled share of a whole.
export const meter = (label, percent, kind) => h('div', { class: `meter ${kind ?? ''}` },
  h('progress', { max: 100, value: percent ?? 0, 'aria-label': label }));

export const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
