// SPDX-License-Identifier: Apache-2.0
// What the views share: the session, calls of the API, and the blocks that a page is built of.

import { h, present } from './h.js';

export { h, present };

const API = '/api/v1';
const status = document.getElementById('status');

// --- the session ---

// Where the server sets the cookies of ForgeCookie, they are the session: no script can read the one that counts, and it survives a reload.
// Elsewhere (plain HTTP, ForgeCookie Off) the tokens stay in this variable: never in a storage that another script could read, so a reload logs out.
let tokens = null;
export let me = null;
let renewing = null;

export const csrf = () => /(?:^|; )__Host-forge_csrf=([^;]+)/.exec(document.cookie)?.[1];

// Takes what a login, a registration or a guest's session answers.
export async function begin(answer, before) {
  const cookie = csrf() && csrf() !== before;
  tokens = cookie ? null : { access: answer.access_token, refresh: answer.refresh_token };
  me = (await get('/auth/me')).body;
  showAccount();
}

function end() {
  tokens = me = null;
  showAccount();
}

// Goes on with the session of the cookies, if there is one.
export async function resume() {
  if (csrf()) me = (await send('GET', '/auth/me').catch(() => ({ body: null }))).body;
  showAccount();
}

// Whether there is a new access token. A refresh token works once: requests that need one at the same time share a refresh. A cookie needs none,
// because the server renews it.
async function renewed() {
  if (!tokens) return false;
  renewing ??= send('POST', '/auth/refresh', { refresh_token: tokens.refresh }).finally(() => { renewing = null; });
  try {
    const { body } = await renewing;
    tokens = { access: body.access_token, refresh: body.refresh_token };
    return true;
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    return false;
  }
}

function showAccount() {
  const guest = me?.role === 'guest';
  document.getElementById('account').replaceChildren(...present([
    me ? h('span', { class: 'name' }, guest ? 'Guest' : me.username) : h('a', { href: '#/login' }, 'Log in'),
    (!me || guest) && h('a', { href: '#/register' }, 'Register'),
    me && h('button', { type: 'button', class: 'quiet', onclick: logOut }, 'Log out')]));
}

async function logOut() {
  await send('POST', '/auth/logout').catch(() => {}); // a session that has ended already is as good
  end();
  sessionStorage.clear();
  location.hash = '#/login';
  say('You are logged out.');
}

// --- the API ---

export const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

// What the API refused (RFC 9457). `message` is a sentence, `errors` are the members that are wrong.
export class Problem extends Error {
  constructor({ detail, title, code, errors = [] }, status = 0, wait = 0) {
    super(sentence(detail ?? title ?? `the server answered with the status ${status}`));
    Object.assign(this, { errors, status, code, wait }); // wait: seconds after which it may be tried again
  }

  // All of it, or only what `errors` tell.
  text(errors = this.errors) {
    return [this.message, ...errors.map(({ pointer, detail }) => sentence(`${pointer.slice(1)}: ${detail}`))].join(' ');
  }
}

// What says who asks. A cookie needs the second one, which other sites cannot read.
function credentials(method, path) {
  if (tokens && path !== '/auth/refresh') return { Authorization: `Bearer ${tokens.access}` };
  return method !== 'GET' && csrf() ? { 'X-CSRF-Token': csrf() } : {};
}

const problemOf = (text, status, wait) => {
  let answer = {};
  try {
    answer = JSON.parse(text);
  } catch {
    // something between here and the server has answered in its own words
  }
  return new Problem(answer, status, Number(wait));
};

// The server's answer as it comes: a file, a stream, or what send() reads.
async function ask(method, path, { body, accept = 'application/json', signal } = {}) {
  const headers = { Accept: accept, ...credentials(method, path) };
  if (body) headers['Content-Type'] = 'application/json';
  if (method === 'POST' && me) headers['Idempotency-Key'] = crypto.getRandomValues(new Uint32Array(4)).join('-');
  const attempt = () => fetch(API + path, { method, headers, signal, body: body && JSON.stringify(body) });
  // A lost connection does not tell whether the server did the work. With the key the second attempt gets the answer of the first.
  const response = await attempt().catch(attempt).catch(() => {
    throw new Problem({ detail: 'The server cannot be reached. Is there a connection?' });
  });
  if (!response.ok) throw problemOf(await response.text(), response.status, response.headers.get('Retry-After'));
  return response;
}

export async function send(method, path, body) {
  const response = await ask(method, path, { body });
  const answer = /json/.test(response.headers.get('Content-Type')) ? await response.json() : {};
  const next = /<([^>]*)>; *rel="next"/.exec(response.headers.get('Link'))?.[1];
  return { body: answer, next: next?.slice(next.indexOf(API) + API.length) };
}

// Does a request, and once more when the access token had to be renewed. Whose session has ended is asked to log in.
async function withSession(request) {
  try {
    return await request();
  } catch (problem) {
    if (problem.status !== 401 || !me) throw problem;
  }
  if (await renewed()) return request();
  if (me) { // the first of several requests that find it out
    end();
    location.hash = `#/login?next=${encodeURIComponent(location.hash)}`;
  }
  throw new Problem({ detail: 'Your session has ended. Please log in again.' });
}

export const call = (method, path, body) => withSession(() => send(method, path, body));
export const open = (path, accept, signal) => withSession(() => ask('GET', path, { accept, signal }));

// Sends a form with a file; `told` hears which share of it is sent, which fetch() does not tell.
export const upload = (path, data, told, signal) => withSession(() => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  const broken = () => reject(new Problem({ detail: 'The connection broke off before the file was received. It may be larger than this server takes.' }));
  request.open('POST', API + path);
  for (const [name, value] of Object.entries(credentials('POST', path))) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => event.lengthComputable && told(event.loaded / event.total);
  request.onload = () => (request.status < 300 ? resolve({ body: JSON.parse(request.responseText), status: request.status })
    : reject(problemOf(request.responseText, request.status, request.getResponseHeader('Retry-After'))));
  request.onerror = broken;
  request.onabort = () => reject(new Problem({ detail: 'The upload was stopped.' }));
  signal?.addEventListener('abort', () => request.abort());
  request.send(data);
}));

export const get = (path) => call('GET', path);
export const post = (path, body) => call('POST', path, body);

// All pages of a list that is short by its nature, such as the modules of a course.
export async function all(path) {
  const rows = [];
  for (let next = path; next;) {
    const page = await get(next);
    rows.push(...page.body);
    next = page.next;
  }
  return rows;
}

// --- building blocks ---

export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

// Text of a lesson or an exercise: HTML that the server made of Markdown, without the author's own HTML. The page's policy allows no script in it.
// Its headings move below those of the page.
export function rendered(html, below) {
  const box = h('div', { class: 'text' });
  box.innerHTML = html;
  for (const old of box.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const heading = h(`h${Math.min(Number(old.localName[1]) + below, 6)}`);
    heading.append(...old.childNodes);
    old.replaceWith(heading);
  }
  for (const scrolls of box.querySelectorAll('pre, table')) scrolls.tabIndex = 0; // for those who scroll by keyboard
  return box;
}

export function say(sentence) {
  status.textContent = '';
  requestAnimationFrame(() => { status.textContent = sentence; }); // the same sentence twice is read twice
}

export const alertOf = (text) => h('p', { class: 'alert', role: 'alert' }, text);

// A button whose work takes a while. It keeps the focus meanwhile, so it is not disabled but deaf.
export function button(text, work, attributes = {}) {
  return h('button', { type: 'button', ...attributes, onclick: (event) => busy(event.currentTarget, work) }, text);
}

export async function busy(element, work) {
  if (element.getAttribute('aria-disabled') === 'true') return;
  element.setAttribute('aria-disabled', 'true');
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    element.parentElement.parentElement.querySelector(':scope > .alert')?.remove();
    element.parentElement.after(alertOf(problem.text()));
  } finally {
    element.removeAttribute('aria-disabled');
  }
}

export function bar(label, done, total) {
  return h('div', { class: 'progress' }, h('progress', { max: Math.max(total, 1), value: done, 'aria-label': label }),
    h('span', {}, `${done} of ${total} done`));
}

// A labelled input. `hint` may be missing.
export function field(label, name, attributes = {}, hint) {
  const id = `field-${name}`;
  return h('div', { class: 'field' }, h('label', { for: id }, label), h('input', { id, name, 'aria-describedby': `${id}-note`, ...attributes }),
    h('p', { id: `${id}-note`, class: 'note', 'data-hint': hint }, hint));
}

// A form that sends its fields. What the API refuses stands at the field that it names, everything else above the form.
export function form(fields, submit, work) {
  const element = h('form', { novalidate: true, onsubmit: (event) => { event.preventDefault(); if (!sending) run(); } }, ...fields,
    h('p', { class: 'buttons' }, h('button', {}, submit)));
  let sending = false;
  async function run() {
    sending = true;
    element.querySelector('.alert')?.remove();
    for (const input of element.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
    for (const note of element.querySelectorAll('.note')) note.textContent = note.dataset.hint ?? '';
    try {
      await work(Object.fromEntries([...new FormData(element)].filter(([, value]) => value !== '')));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      blame(problem);
    } finally {
      sending = false;
    }
  }
  function blame(problem) {
    const fieldOf = ({ pointer }) => element.elements[pointer.slice(1)];
    const named = problem.errors.filter(fieldOf);
    for (const error of named) {
      const input = fieldOf(error);
      input.setAttribute('aria-invalid', 'true');
      input.closest('[hidden]')?.removeAttribute('hidden');
      document.getElementById(`${input.id}-note`).append(`${sentence(error.detail)} `);
    }
    element.prepend(alertOf(named.length > 0 ? 'Please look at the fields that are marked.' : problem.text()));
    if (named.length > 0) fieldOf(named[0]).focus();
  }
  return element;
}
