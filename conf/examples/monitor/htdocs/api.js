// SPDX-License-Identifier: Apache-2.0
// The session and the calls of the API. Tokens stay in the variable below: never in a storage or a cookie that another script could read, so a reload
// logs out. Cookies of another page are neither sent nor taken.

const API = '/api/v1';
let tokens = null;
let renewing = null;
export let me = null;

// What the API refused (RFC 9457); status 0: there was no answer.
export class Problem extends Error {
  constructor({ detail, title, code } = {}, status = 0, wait = 0) {
    super(detail ?? title ?? (status ? `the server answered with the status ${status}` : 'the server does not answer'));
    Object.assign(this, { status, code, wait }); // wait: seconds after which it may be tried again
  }
}

async function ask(method, path, body) {
  const headers = { Accept: 'application/json' };
  if (body) headers['Content-Type'] = 'application/json';
  if (tokens && path !== '/auth/refresh') headers.Authorization = `Bearer ${tokens.access}`;
  const response = await fetch(path.startsWith('/metrics') ? path : API + path,
    { method, headers, body: body && JSON.stringify(body), credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(15_000) })
    .catch(() => { throw new Problem(); });
  const json = /json/.test(response.headers.get('Content-Type'));
  const answer = await (json ? response.json() : response.text()).catch(() => { throw new Problem(); });
  // Health answers 503 with its report.
  if (!response.ok && !(path === '/monitor/health' && answer.checks)) {
    throw new Problem(json ? answer : {}, response.status, Number(response.headers.get('Retry-After')) || 0);
  }
  return answer;
}

// Gets a new access token, or ends the session here when it has ended there. A refresh token works once: requests that need one at the same time share a
// refresh.
async function renew() {
  renewing ??= ask('POST', '/auth/refresh', { refresh_token: tokens.refresh }).then((answer) => {
    tokens = { access: answer.access_token, refresh: answer.refresh_token };
  }, (problem) => {
    if (problem.status !== 401) throw problem;
    tokens = me = null;
  }).finally(() => { renewing = null; });
  await renewing;
}

// Does a request, and once more when its token has expired: with a new one, or as nobody, where addresses may read too.
export async function call(method, path, body) {
  const had = tokens;
  try {
    return await ask(method, path, body);
  } catch (problem) {
    if (problem.status !== 401 || problem.code === 'insufficient_user_authentication' || !had) throw problem;
  }
  if (tokens === had) await renew();
  return ask(method, path, body);
}

export const get = (path) => call('GET', path);

// A step of a login. The answer: the token for the second step, or nothing when somebody is logged in.
export async function login(path, body) {
  const answer = await ask('POST', path, body);
  if (answer.mfa_required) return answer.mfa_token;
  tokens = { access: answer.access_token, refresh: answer.refresh_token };
  me = await ask('GET', '/auth/me');
  return undefined;
}

export async function logout() {
  await ask('POST', '/auth/logout').catch(() => {}); // a session that has ended already is as good
  tokens = me = null;
}

// A stream of events. EventSource cannot send headers, so that who is logged in sends a ticket, which works once.
export async function stream(path, query) {
  if (tokens) query.set('ticket', (await call('POST', '/auth/stream-ticket')).ticket);
  return new EventSource(`${API}${path}?${query}`);
}
