// SPDX-License-Identifier: Apache-2.0
// The account's pages: which one an address means, and what is around it. Each page is its own address below this folder, and all are served index.html.
import { h, link, alertOf, button, data, say, words } from './dom.js';
import { Problem, loginPage, me, post, readMe } from './api.js';
import { choose, language, languages, setTitle, t, use, wanted } from './language.js';
import { forgot, login, register } from './enter.js';
import { accept, reset, undo, verify } from './tokens.js';
import { profile } from './profile.js';
import { security } from './security.js';
import { sessions } from './sessions.js';

// Name in the address → title, view, and whether it is for people who are logged in.
const pages = {
  login: [t('login.title'), login], register: [t('register.title'), register], 'forgot-password': [t('forgot.title'), forgot],
  'reset-password': [t('reset.title'), reset], 'verify-email': [t('verify.title'), verify], 'undo-email-change': [t('undo.title'), undo],
  'accept-invitation': [t('accept.title'), accept],
  profile: [t('profile.title'), profile, true], security: [t('security.title'), security, true], sessions: [t('sessions.title'), sessions, true],
};

const root = new URL('.', import.meta.url).pathname;
const at = location.pathname.slice(root.length).replace(/^index\.html$/, '');
const main = document.getElementById('main');

async function logOut() {
  await post('/auth/logout');
  location.assign('login');
}

function switcher() {
  const select = h('select', { 'aria-label': t('language'), onchange: async () => {
    await choose(select.value);
    say(t('language.changed'));
  } }, Object.entries(languages).map(([code, name]) => h('option', { value: code, lang: code, translate: 'no', selected: code === language }, name)));
  return select;
}

function header() {
  const way = (name) => link(name, pages[name][0], { 'aria-current': at === name && 'page' });
  document.getElementById('skip')?.remove();
  document.body.prepend(h('a', { id: 'skip', href: '#main' }, t('skip')));
  document.getElementById('header').replaceChildren(
    h('nav', { 'aria-label': t('navigation') }, h('a', { class: 'brand', href: './' }, h('img', { src: 'icon.svg', alt: '', width: 24, height: 24 }), t('brand')),
      me ? ['profile', 'security', 'sessions'].map(way) : way('login')),
    h('div', { class: 'tools' }, me && data(me.username, { class: 'name' }), me && h('div', { class: 'buttons' }, button(t('logout'), logOut, { class: 'quiet' })),
      switcher()));
}

async function view() {
  if (at === '') return location.replace(me ? 'profile' : 'login');
  const [title, show, forMembers] = Object.hasOwn(pages, at) ? pages[at] : [t('missing.title'), () => h('p', {}, t('missing.text'))];
  if (forMembers && !me) return location.replace(loginPage());
  setTitle(title);
  const parts = await show();
  return main.replaceChildren(h('h1', { tabindex: -1 }, title), ...[parts].flat(Infinity).filter(Boolean));
}

try {
  await use(wanted());
  await readMe();
  if (me && wanted(me.locale) !== language) await use(wanted(me.locale));
  header();
  await view();
} catch (problem) {
  if (!(problem instanceof Problem)) throw problem;
  main.replaceChildren(h('h1', {}, t('trouble')), alertOf(words(problem)));
}
