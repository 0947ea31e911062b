// SPDX-License-Identifier: Apache-2.0
// The session of the client, against a server of the test's own that rotates refresh tokens: one flight, replays, failures, and who is logged in after them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Forge, ProblemError, memoryStore } from 'mod-forge-client';
import { clockOf, json, refuse, serve } from './server.mjs';

const ME = '/api/v1/users/me';
const pair = (n) => ({ access_token: `a${n}`, refresh_token: `r${n}`, token_type: 'bearer', expires_in: 900 });
const bearer = (q) => q.headers.authorization?.replace('Bearer ', '');

// Takes the access token a2 alone; refresh(q, r, n) answers the n-th refresh.
async function guarded(t, refresh = (q, r) => json(r, 200, pair(2))) {
  let count = 0;
  const { base, asked } = await serve(t, (q, r) => {
    if (q.url === '/api/v1/auth/refresh') return refresh(q, r, count += 1);
    if (q.url === '/api/v1/auth/login') return json(r, 200, pair(9));
    return bearer(q) === 'a2' || bearer(q) === 'a9' ? json(r, 200, { id: 1, seen: bearer(q) }) : refuse(r, 401, 'invalid_token');
  });
  const store = memoryStore({ access: 'a1', refresh: 'r1' });
  const out = [];
  const clock = clockOf();
  return { forge: new Forge({ baseUrl: base, store, clock, onLogout: (reason) => out.push(reason?.code) }), store, out, asked, clock,
    refreshes: () => asked.filter((q) => q.url === '/api/v1/auth/refresh').map((q) => JSON.parse(q.body).refresh_token) };
}

const twenty = (forge) => Promise.allSettled(Array.from({ length: 20 }, () => forge.get(ME)));

test('twenty calls that are refused share one refresh', async (t) => {
  const { forge, store, out, refreshes, asked } = await guarded(t);
  const answers = await twenty(forge);
  assert.deepEqual(answers.map(({ status }) => status), Array(20).fill('fulfilled'));
  assert.deepEqual(refreshes(), ['r1']);
  assert.equal(asked.find((q) => q.url === '/api/v1/auth/refresh').headers.authorization, undefined);
  assert.deepEqual(store.get(), { access: 'a2', refresh: 'r2' });
  assert.deepEqual(out, []);
});

test('a call that is refused after the refresh uses what it brought', async (t) => {
  const late = [];
  const { base, asked } = await serve(t, (q, r) => {
    if (q.url === '/api/v1/auth/refresh') return json(r, 200, pair(2));
    if (bearer(q) === 'a2') return json(r, 200, {});
    return late.push(() => refuse(r, 401, 'invalid_token'));
  });
  const forge = new Forge({ baseUrl: base, store: memoryStore({ access: 'a1', refresh: 'r1' }) });
  const calls = [forge.get(ME), forge.get(ME)];
  while (late.length < 2) await new Promise(setImmediate);
  late[0]();
  await Promise.race(calls);
  late[1]();
  await Promise.all(calls);
  assert.equal(asked.filter((q) => q.url === '/api/v1/auth/refresh').length, 1);
});

test('a refresh that is refused logs out once, and every caller hears its own problem', async (t) => {
  const { forge, store, out, refreshes } = await guarded(t, (q, r) => refuse(r, 401, 'refresh_reused'));
  const answers = await twenty(forge);
  assert.ok(answers.every(({ reason }) => reason instanceof ProblemError && reason.code === 'invalid_token'));
  assert.deepEqual(refreshes(), ['r1']);
  assert.deepEqual([store.get(), out, forge.loggedIn], [null, ['refresh_reused'], false]);
});

test('a server that cannot refresh now does not log out', async (t) => {
  const { forge, store, out, clock } = await guarded(t, (q, r, n) => (n <= 9 ? refuse(r, 503, 'busy', { 'Retry-After': '3' }) : json(r, 200, pair(2))));
  await assert.rejects(forge.get(ME), (error) => error.code === 'busy');
  assert.deepEqual([store.get().refresh, out], ['r1', []]);
  assert.deepEqual(clock.slept, [3000]); // after five seconds the same token could end the session
});

test('a refresh whose answer was lost sends the same token again', async (t) => {
  const { forge, store, refreshes } = await guarded(t, (q, r, n) => (n === 1 ? r.destroy() : json(r, 200, pair(2))));
  await forge.get(ME);
  assert.deepEqual(refreshes(), ['r1', 'r1']);
  assert.equal(store.get().refresh, 'r2');
});

test('a token that is refused again is not refreshed for ever', async (t) => {
  const { forge, refreshes } = await guarded(t, (q, r, n) => json(r, 200, pair(`old${n}`)));
  await assert.rejects(forge.get(ME), (error) => error.code === 'invalid_token');
  assert.equal(refreshes().length, 1);
});

test('other refusals are not refreshed', async (t) => {
  const { base, asked } = await serve(t, (q, r) => refuse(r, 401, q.url === ME ? 'insufficient_user_authentication' : 'bad_credentials'));
  const forge = new Forge({ baseUrl: base, store: memoryStore({ access: 'a1', refresh: 'r1' }) });
  await assert.rejects(forge.get(ME), (error) => error.code === 'insufficient_user_authentication');
  await assert.rejects(forge.login({ username: 'a', password: 'b' }), (error) => error.code === 'bad_credentials');
  assert.equal(asked.length, 2);
  assert.ok(forge.loggedIn);
});

test('another login during a refresh wins, and no call is sent again as somebody else', async (t) => {
  let answer;
  const { forge, store, asked } = await guarded(t, (q, r) => { answer = () => json(r, 200, pair(2)); });
  const call = assert.rejects(forge.get(ME), (error) => error.code === 'invalid_token');
  while (!answer) await new Promise(setImmediate);
  await forge.login({ username: 'b', password: 'c' });
  answer();
  await call;
  assert.deepEqual(store.get(), { access: 'a9', refresh: 'r9' });
  assert.equal(asked.filter((q) => q.url === ME).length, 1);
});

test('a call of an earlier session that is refused late is not sent again in the new one', async (t) => {
  let late;
  const { base, asked } = await serve(t, (q, r) => (q.url === ME && !late ? (late = () => refuse(r, 401, 'invalid_token')) : json(r, 200, pair(9))));
  const store = memoryStore({ access: 'a1', refresh: 'r1' });
  const forge = new Forge({ baseUrl: base, store });
  const call = assert.rejects(forge.get(ME), (error) => error.code === 'invalid_token');
  while (!late) await new Promise(setImmediate);
  await forge.login({ username: 'b', password: 'c' });
  late();
  await call;
  assert.deepEqual(asked.map((q) => q.url), [ME, '/api/v1/auth/login']);
  assert.equal(store.get().access, 'a9');
});

test('a logout during a refresh ends the session that comes of it', async (t) => {
  let answer;
  const { forge, store, out, asked } = await guarded(t, (q, r) => { answer = () => json(r, 200, pair(2)); });
  const call = forge.get(ME);
  while (!answer) await new Promise(setImmediate);
  const leaving = forge.logout();
  answer();
  await Promise.all([call, leaving]);
  assert.equal(bearer(asked.findLast((q) => q.url === '/api/v1/auth/logout')), 'a2');
  assert.deepEqual([store.get(), out], [null, [undefined]]);
});

test('who gives up while others wait for the refresh does not end it', async (t) => {
  let answer;
  const { forge, refreshes } = await guarded(t, (q, r) => { answer = () => json(r, 200, pair(2)); });
  const stop = new AbortController();
  const [leaves, stays] = [forge.get(ME, { signal: stop.signal }), forge.get(ME)];
  while (!answer) await new Promise(setImmediate);
  stop.abort(new Error('left'));
  await assert.rejects(leaves, /left/);
  answer();
  assert.equal((await stays).data.seen, 'a2');
  assert.equal(refreshes().length, 1);
});

test('an API key is never refreshed', async (t) => {
  const { base, asked } = await serve(t, (q, r) => refuse(r, 401, 'invalid_token'));
  const out = [];
  const forge = new Forge({ baseUrl: base, store: memoryStore({ access: 'fk_x' }), onLogout: (reason) => out.push(reason.code) });
  await assert.rejects(forge.get(ME), (error) => error.code === 'invalid_token');
  assert.deepEqual([asked.length, out], [1, ['invalid_token']]);
});

test('a store that tabs share is asked each time', async (t) => {
  let shared = { access: 'a1', refresh: 'r1' };
  const { base, asked } = await serve(t, (q, r) => {
    if (q.url === '/api/v1/auth/refresh') return json(r, 200, pair(2));
    return bearer(q) === 'a2' ? json(r, 200, {}) : refuse(r, 401, 'invalid_token');
  });
  const tab = () => new Forge({ baseUrl: base, store: { get: () => shared, set: (tokens) => { shared = tokens; } } });
  const [one, two] = [tab(), tab()];
  await one.get(ME);
  await two.get(ME);
  assert.deepEqual(asked.map((q) => q.url).filter((url) => url !== ME), ['/api/v1/auth/refresh']);
});

test('cookie mode sends the CSRF token with writes, and no bearer', async (t) => {
  const { base, asked } = await serve(t, (q, r) => (q.method === 'DELETE' ? refuse(r, 401, 'invalid_token') : json(r, 200, { ...pair(1), id: 1 })));
  const store = memoryStore();
  const out = [];
  const forge = new Forge({ baseUrl: base, mode: 'cookie', csrf: () => 'c1', store, onLogout: (reason) => out.push(reason.code) });
  await forge.login({ username: 'a', password: 'b' });
  await forge.get(ME);
  await forge.patch(ME, { body: { bio: null } });
  assert.deepEqual(asked.map((q) => [q.method, q.headers['x-csrf-token'], q.headers.authorization]),
    [['POST', 'c1', undefined], ['GET', undefined, undefined], ['PATCH', 'c1', undefined]]);
  assert.equal(store.get(), null);
  await assert.rejects(forge.raw('DELETE', ME), (error) => error.code === 'invalid_token');
  assert.deepEqual([asked.length, out], [4, ['invalid_token']]);
});
