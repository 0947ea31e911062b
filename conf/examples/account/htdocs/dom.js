// SPDX-License-Identifier: Apache-2.0
// What the views are built of: elements whose texts follow the language, forms, and what a form says when the server refuses it.
import { h as make, present } from './h.js';
import { plain, sentence, speak, spoken, t } from './language.js';
import { Problem, me } from './api.js';

export function h(name, attributes = {}, ...children) {
  const element = make(name, plain(attributes), ...present(children).map(spoken));
  speak(element, attributes);
  return element;
}

// What belongs to people or comes from the server, and is not translated.
export const data = (text, attributes = {}) => h('span', { translate: 'no', ...attributes }, text);

export const link = (to, text, attributes = {}) => h('a', { href: to, ...attributes }, text);
export const alertOf = (...parts) => h('div', { class: 'alert', role: 'alert', tabindex: -1 }, h('p', {}, parts));
export const notice = (...parts) => h('div', { class: 'notice', tabindex: -1 }, h('p', {}, parts));

// Tells readers of the screen, once more if it is the same sentence.
export function say(what) {
  const status = document.getElementById('status');
  status.textContent = '';
  requestAnimationFrame(() => status.replaceChildren(spoken(what)));
}

// What a refusal says: the server's sentence, in its language, or one of ours.
export const words = (problem) => (problem.detail ? data(sentence(problem.detail)) : t(problem.key, problem.values));

let forms = 0;

// A labelled input. Options: hint, value, and what the API calls the member, where that is another name. Other attributes go to the input.
export function field(label, name, { hint, kind = 'input', members = name, unseen = false, children = [], ...attributes } = {}) {
  forms += 1;
  const id = `${name}-${forms}`;
  const input = h(kind, { id, name, 'aria-describedby': `${hint ? `${id}-hint ` : ''}${id}-error`, 'data-members': members, ...attributes }, children);
  const parts = [h('label', { for: id }, label), hint && h('p', { id: `${id}-hint`, class: 'note' }, hint), input, h('p', { id: `${id}-error`, class: 'error' })];
  return h('div', { class: 'field', hidden: unseen }, parts);
}

export function box(label, name, attributes = {}) {
  const element = field(label, name, { type: 'checkbox', value: 'yes', ...attributes });
  element.classList.add('accept');
  element.prepend(element.querySelector('input'));
  return element;
}

export const password = (label, name, autocomplete, more = {}) =>
  field(label, name, { type: 'password', autocomplete, required: true, ...more });

// For password managers, which want to know whose password a form is about. It has no name, so it is not sent.
export const whose = () => h('input', { type: 'text', autocomplete: 'username', value: me.username, readonly: true, hidden: true });

export const choice = (label, name, options, { value, ...more } = {}) => field(label, name, { kind: 'select', ...more,
  children: options.map(([code, text, attributes]) => h('option', { value: code, selected: code === value, ...attributes }, text)) });

// Where a refusal of the whole request belongs that names no member: the first of these that the form has.
const places = { bad_credentials: ['current_password', 'password'], insufficient_user_authentication: ['password'], mfa_code_invalid: ['code'],
  username_taken: ['username'], email_taken: ['email'], token_invalid: ['token'] };

const fieldOf = (form, member) => [...form.elements].find((input) => input.dataset.members?.split(' ').includes(member));

// The wrong fields of a refusal: [input, what is wrong with it], in the order of the form.
function wrong(form, problem) {
  const found = problem.errors.map(({ pointer, detail }) => [fieldOf(form, pointer.split('/')[1]), data(sentence(detail))]);
  if (found.length === 0) found.push([(places[problem.code] ?? []).map((member) => fieldOf(form, member)).find(Boolean), words(problem)]);
  const inputs = [...form.elements];
  return found.filter(([input]) => input).sort(([one], [other]) => inputs.indexOf(one) - inputs.indexOf(other));
}

function clear(form) {
  for (const old of form.querySelectorAll(':scope > .alert')) old.remove();
  for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  for (const note of form.querySelectorAll('.error')) note.replaceChildren();
}

// What is wrong stands at the fields, and the first of them gets the focus. What belongs to no field stands above the form.
function blame(form, problem) {
  const found = wrong(form, problem);
  for (const [input, what] of found) {
    input.setAttribute('aria-invalid', 'true');
    input.closest('.field').hidden = false;
    document.getElementById(`${input.id}-error`).append(spoken(what), ' ');
  }
  if (found.length > 0) return found[0][0].focus();
  const alert = alertOf(words(problem), problem.errors.map(({ pointer, detail }) => [' ', data(`${pointer.slice(1)}: ${sentence(detail)}`)]));
  form.prepend(alert);
  return alert.focus();
}

// A form whose fields go to `work`, without those that are empty.
export function form(fields, submit, work, { danger = false } = {}) {
  const element = h('form', { novalidate: true, method: 'post', onsubmit: (event) => { event.preventDefault(); run(); } }, fields,
    h('p', { class: 'buttons' }, h('button', { class: danger && 'danger' }, submit)));
  const button = element.querySelector('button');
  async function run() {
    if (button.getAttribute('aria-disabled')) return;
    button.setAttribute('aria-disabled', 'true');
    clear(element);
    try {
      await work(Object.fromEntries([...new FormData(element)].filter(([, value]) => value !== '')), element);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      blame(element, problem);
    } finally {
      button.removeAttribute('aria-disabled');
    }
  }
  return element;
}

// A button whose work takes a while. It keeps the focus meanwhile, so it is not disabled but deaf.
export function button(text, work, attributes = {}) {
  return h('button', { type: 'button', ...attributes, onclick: async ({ currentTarget: self }) => {
    if (self.getAttribute('aria-disabled')) return;
    self.setAttribute('aria-disabled', 'true');
    const after = self.closest('.buttons') ?? self;
    if (after.nextElementSibling?.matches('.alert')) after.nextElementSibling.remove();
    try {
      await work();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      after.after(alertOf(words(problem)));
    } finally {
      self.removeAttribute('aria-disabled');
    }
  } }, text);
}

// Puts something in the place of a part of the page, with the focus on it: what was there is done.
export function replace(old, ...parts) {
  const found = present(parts).map(spoken);
  old.replaceWith(...found);
  const first = found.find((part) => part instanceof HTMLElement);
  (first.matches('[tabindex]') ? first : first.querySelector('input, button, [tabindex]'))?.focus();
}
