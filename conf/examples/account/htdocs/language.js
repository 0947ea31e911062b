// SPDX-License-Identifier: Apache-2.0
// The language of the page. All texts are in text-….js, one file a language. A text that is shown changes in place, so that nothing typed is lost.

export const languages = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español', tr: 'Türkçe' };
export let language = 'en';
let texts = {};

const CHOICE = 'forge-language'; // in localStorage: what was chosen on a page
const shown = new WeakMap(); // a text node, or an element with attributes → what says them

// A text that depends on the language: `say` makes it.
class Spoken {
  constructor(say) { this.say = say; }
}

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => {
  const value = values[name];
  return value instanceof Spoken ? value.say() : String(value);
});

export const t = (key, values = {}) => new Spoken(() => fill(texts[key] ?? key, values));
export const when = (time) => new Spoken(() => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(time)));

// What the server says begins in lower case.
export function sentence(text) {
  return text[0].toLocaleUpperCase(language) + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}

export function spoken(what) {
  if (!(what instanceof Spoken)) return what;
  const node = document.createTextNode(what.say());
  shown.set(node, { data: what });
  return node;
}

// Sets those attributes of an element that depend on the language, and answers the others.
export function speak(element, attributes) {
  const mine = Object.entries(attributes).filter(([, value]) => value instanceof Spoken);
  if (mine.length > 0) shown.set(element, Object.fromEntries(mine));
  for (const [name, value] of mine) element.setAttribute(name, value.say());
}

export const plain = (attributes) => Object.fromEntries(Object.entries(attributes).filter(([, value]) => !(value instanceof Spoken)));

let title = null;
export function setTitle(what) {
  title = what;
  document.title = what.say();
}

function sayAgain() {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    for (const [name, what] of Object.entries(shown.get(node) ?? {})) {
      if (name === 'data') node.data = what.say();
      else node.setAttribute(name, what.say());
    }
  }
  if (title) setTitle(title);
}

// The first of some language tags (BCP 47) that there are texts for.
const firstKnown = (tags) => tags.map((tag) => (tag ?? '').toLowerCase().split('-')[0]).find((code) => Object.hasOwn(languages, code));

// What was chosen on a page; else the account's locale, if there is one; else what the browser is set to.
export const wanted = (locale) => firstKnown([localStorage.getItem(CHOICE), locale, ...navigator.languages]) ?? 'en';

export async function use(code) {
  texts = (await import(`./text-${code}.js`)).default;
  language = code;
  document.documentElement.lang = code;
  sayAgain();
}

export async function choose(code) {
  localStorage.setItem(CHOICE, code);
  await use(code);
}

export const forgetChoice = () => localStorage.removeItem(CHOICE);
