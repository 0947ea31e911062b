// SPDX-License-Identifier: Apache-2.0
// The same client in Chromium, from pages of the demo's own origin: with tokens over HTTP, with the cookie over HTTPS. The wire is what the browser says
// that it sent. Environment: FORGE_DEMO, FORGE_CHROMIUM.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { account, check, demo, finish, pdf, watched } from './page.mjs';

const { username, password } = account('student');
const HOME = '/frontend-tests/';
const dist = (name) => readFileSync(new URL(`node_modules/mod-forge-client/dist/${name}`, import.meta.url), 'utf8');

// An empty page of the demo's origin, on which the client can be imported as a module.
async function open(browser, base, expected) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await context.route(`${base}${HOME}**`, (route) => {
    const name = new URL(route.request().url()).pathname.slice(HOME.length);
    return name === '' ? route.fulfill({ contentType: 'text/html', body: '<!DOCTYPE html><title>client</title><link rel="icon" href="data:,">' })
      : route.fulfill({ contentType: 'text/javascript', body: dist(name) });
  });
  const { page, troubles } = await watched(context, base, expected);
  const wire = [];
  page.on('response', (response) => wire.push(`${response.request().method()} ${new URL(response.url()).pathname} ${response.status()}`));
  await page.goto(base + HOME);
  return { context, page, troubles, wire };
}

async function tokens(browser) {
  const { context, page, troubles, wire } = await open(browser, demo.http, (status, path) => [401, 422].includes(status) && path.startsWith('/api/v1/'));
  const seen = await page.evaluate(async ({ credentials, bytes }) => {
    const { Forge, ProblemError, memoryStore } = await import('./index.js');
    const store = memoryStore();
    const forge = new Forge({ baseUrl: '', store });
    await forge.login(credentials);
    store.set({ ...store.get(), access: 'not.a.token' });
    const twenty = await Promise.all(Array.from({ length: 20 }, () => forge.get('/api/v1/users/me')));
    const ids = new Set();
    let total;
    for await (const list of forge.pages('/api/v1/courses', { query: { limit: 20, count: true } })) {
      total ??= list.total;
      for (const { id } of list.items) ids.add(id);
    }
    const problem = await forge.post('/api/v1/courses', { body: { title: '' } }).catch((error) => error);
    const form = new FormData();
    form.append('file', new File([new Uint8Array(bytes)], 'larks.pdf', { type: 'application/pdf' }));
    const file = (await forge.post('/api/v1/files/upload', { body: form })).data;
    const session = (await forge.post('/api/v1/analysis/pdf', { body: { file_id: file.id } })).data;
    let last;
    for await (const { event } of forge.events('/api/v1/analysis/sessions/{id}/events', { path: { id: session.id } })) {
      last = event;
      if (event !== 'progress') break;
    }
    const back = (await forge.get('/api/v1/files/{id}/content', { path: { id: file.id } })).data;
    await forge.delete('/api/v1/analysis/sessions/{id}', { path: { id: session.id } });
    await forge.delete('/api/v1/files/{id}', { path: { id: file.id } });
    const stop = new AbortController();
    const call = forge.get('/api/v1/courses', { signal: stop.signal }).catch((error) => error.name);
    stop.abort();
    const aborted = await call;
    await forge.logout();
    return { names: twenty.map(({ data }) => data.username), total, rows: ids.size, aborted, loggedIn: forge.loggedIn, last,
      problem: [problem instanceof ProblemError, problem.status, problem.code, problem.errors?.[0]?.pointer, problem.requestId?.length > 0],
      size: back.size, type: back.type };
  }, { credentials: { username, password }, bytes: [...pdf([['Larks', `Heard at ${Date.now()}.`]])] });
  const refreshed = wire.filter((line) => line === 'POST /api/v1/auth/refresh 200').length;
  check('twenty calls with a token that is not valid are answered', seen.names.length === 20 && seen.names.every((name) => name === username), seen.names);
  check('and make one refresh on the wire', refreshed === 1, refreshed);
  check('the pages hold as many courses as X-Total-Count says', seen.rows === seen.total && seen.total > 40, `${seen.rows} of ${seen.total}`);
  check('a refusal is a ProblemError', JSON.stringify(seen.problem) === '[true,422,"validation_failed","/title",true]', JSON.stringify(seen.problem));
  check('a file goes up and comes down, and the stream of its analysis ends with done', seen.last === 'done' && seen.size > 500 && seen.type === 'application/pdf', JSON.stringify(seen));
  check('an aborted call ends with AbortError', seen.aborted === 'AbortError', seen.aborted);
  check('a logout ends the session', !seen.loggedIn && wire.includes('POST /api/v1/auth/logout 204'));
  check('tokens go without cookies', (await context.cookies()).length === 0);
  check('nothing else went wrong in token mode', troubles.length === 0, troubles.join(' | '));
  await context.close();
}

async function cookies(browser) {
  const { context, page, troubles } = await open(browser, demo.https, (status, path) => (status === 403 || status === 401) && path.startsWith('/api/v1/'));
  const seen = await page.evaluate(async (credentials) => {
    const { Forge, memoryStore } = await import('./index.js');
    const store = memoryStore();
    const out = [];
    const cookie = { baseUrl: '', mode: 'cookie', store };
    const forge = new Forge({ ...cookie, onLogout: (reason) => out.push(reason?.code) });
    const before = forge.loggedIn;
    await forge.login(credentials);
    const reloaded = new Forge(cookie); // as another page of the site
    const me = (await reloaded.get('/api/v1/users/me')).data.username;
    const wrote = (await reloaded.post('/api/v1/auth/stream-ticket')).response.status;
    const foreign = await new Forge({ ...cookie, csrf: () => 'guessed' }).post('/api/v1/auth/stream-ticket').catch((error) => error);
    const inside = [before, forge.loggedIn, store.get()];
    await new Forge(cookie).logout();
    const after = await forge.get('/api/v1/users/me').catch((error) => error);
    return { me, wrote, foreign: [foreign.status, foreign.code], inside, after: [after.status, forge.loggedIn], out };
  }, { username, password });
  check('in cookie mode another page is logged in too, and no script has a token', seen.me === username && JSON.stringify(seen.inside) === '[false,true,null]', JSON.stringify(seen));
  check('a write carries the CSRF token, and a guessed one is refused', seen.wrote < 300 && JSON.stringify(seen.foreign) === '[403,"csrf_failed"]', JSON.stringify(seen));
  check('after a logout the page hears that the session has ended', JSON.stringify([seen.after, seen.out]) === '[[401,false],["unauthenticated"]]', JSON.stringify(seen));
  check('nothing else went wrong in cookie mode', troubles.length === 0, troubles.join(' | '));
  await context.close();
}

const browser = await chromium.launch({ executablePath: process.env.FORGE_CHROMIUM });
try {
  for (const walk of [tokens, cookies]) await walk(browser).catch((error) => check(`the session with ${walk.name}`, false, error.message));
} finally {
  await browser.close();
}
finish();
