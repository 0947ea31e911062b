// SPDX-License-Identifier: Apache-2.0
// Calls of the API. The session is the cookie of ForgeCookie, which no script can read: no token is kept here.
import { language } from './language.js';

const API = '/api/v1';

// The account of the session, without guests; null if there is none.
export let me = null;

const csrf = () => /(?:^|; )__Host-forge_csrf=([^;]+)/.exec(document.cookie)?.[1];

// What was refused (RFC 9457). `detail` and `errors` are the server's; without a detail `key` names a text of ours.
export class Problem extends Error {
  constructor({ detail, code, errors = [], key, values = {} }, status = 0) {
    super(code ?? key ?? String(status));
    Object.assign(this, { detail, code, errors, key, values, status });
  }
}

async function problemOf(response) {
  const answer = await response.json().catch(() => ({})); // something between here and the server may have answered in its own words
  return new Problem({ key: 'refused', values: { status: response.status }, ...answer }, response.status);
}

async function ask(method, path, body, headers = {}) {
  const all = { Accept: 'application/json', 'Accept-Language': language, ...headers };
  if (body) all['Content-Type'] = 'application/json';
  if (method !== 'GET' && csrf()) all['X-CSRF-Token'] = csrf();
  const response = await fetch(API + path, { method, headers: all, body: body && JSON.stringify(body), cache: 'no-store' })
    .catch(() => { throw new Problem({ key: 'unreachable' }); });
  if (!response.ok) throw await problemOf(response);
  return response;
}

// The answer, {} without one. Whose session has ended is asked to log in again.
export async function send(method, path, body) {
  try {
    const response = await ask(method, path, body);
    return response.status === 204 ? {} : await response.json();
  } catch (problem) {
    if (me && ['unauthenticated', 'invalid_token'].includes(problem.code)) location.assign(loginPage());
    throw problem;
  }
}

export const get = (path) => send('GET', path);
export const post = (path, body) => send('POST', path, body);

// All pages of a list.
export async function all(path) {
  const rows = [];
  for (let next = path; next;) {
    const response = await ask('GET', next);
    rows.push(...await response.json());
    const found = /<([^>]*)>; *rel="next"/.exec(response.headers.get('Link'))?.[1];
    next = found?.slice(found.indexOf(API) + API.length);
  }
  return rows;
}

// Whether the server lets people register: who runs it may refuse this path.
export const mayRegister = () => ask('OPTIONS', '/auth/register').then(() => true, () => false);

export async function readMe() {
  me = csrf() ? await ask('GET', '/auth/me').then((response) => response.json(), (problem) => {
    if (problem.status === 401) return null;
    throw problem;
  }) : null;
  if (me?.role === 'guest') me = null;
}

// After a login: a server that set no cookie has no session for other pages, so what it gave is given back.
export async function keep(answer, before) {
  if (csrf() && csrf() !== before) return;
  await ask('POST', '/auth/logout', undefined, { Authorization: `Bearer ${answer.access_token}` }).catch(() => {});
  throw new Problem({ key: 'noCookie' });
}
export const cookie = csrf;

// --- where to go ---

// An address of this site from what another page or a link has said, or undefined. Browsers read "/\host", "//host" and "/<tab>/host" as other hosts, and
// "/.//host" becomes one when only its path is used: so the whole address is made, compared and used.
export function here(text) {
  if (!text?.startsWith('/')) return undefined;
  try {
    const url = new URL(text, location.origin);
    return url.origin === location.origin && !url.username ? url.href : undefined;
  } catch {
    return undefined;
  }
}

export const next = () => here(new URLSearchParams(location.search).get('next'));
export const loginPage = (path = location.pathname) => `login?next=${encodeURIComponent(path)}`;
export const goOn = () => location.assign(next() ?? 'profile');
