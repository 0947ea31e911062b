// SPDX-License-Identifier: Apache-2.0
// What the client does when it is refused, against a server of the test's own. No test waits: the clock is the test's.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Forge, ProblemError } from 'mod-forge-client';
import { clockOf, json, refuse, serve } from './server.mjs';

const COURSES = '/api/v1/courses';
const busy = (times, status, headers) => (q, r, n) => (n <= times ? refuse(r, status, 'busy', headers) : json(r, 200, []));
const problem = (code, more = () => true) => (error) => error instanceof ProblemError && error.code === code && more(error);

test('Retry-After in seconds is waited for, and chance comes on top', async (t) => {
  const { base, asked } = await serve(t, busy(2, 503, { 'Retry-After': '2' }));
  const clock = clockOf({ random: 0.5 });
  const { data } = await new Forge({ baseUrl: base, clock, retry: { baseMs: 100 } }).get(COURSES);
  assert.deepEqual(data, []);
  assert.equal(asked.length, 3);
  assert.deepEqual(clock.slept, [2050, 2100]);
});

test('Retry-After as a date is waited for', async (t) => {
  const { base } = await serve(t, busy(1, 429, { 'Retry-After': 'Thu, 01 Jan 2026 00:00:07 GMT' }));
  const clock = clockOf();
  await new Forge({ baseUrl: base, clock }).get(COURSES);
  assert.deepEqual(clock.slept, [7000]);
});

test('without Retry-After the waits double', async (t) => {
  const { base } = await serve(t, busy(3, 503));
  const clock = clockOf({ random: 1 });
  await new Forge({ baseUrl: base, clock, retry: { baseMs: 100 } }).get(COURSES);
  assert.deepEqual(clock.slept, [100, 200, 400]);
});

test('a longer Retry-After than the client may wait is told at once', async (t) => {
  const { base, asked } = await serve(t, busy(9, 429, { 'Retry-After': '1800' }));
  const clock = clockOf();
  await assert.rejects(new Forge({ baseUrl: base, clock }).get(COURSES), problem('busy', (error) => error.status === 429 && error.retryAfter === 1800));
  assert.equal(asked.length, 1);
  assert.deepEqual(clock.slept, []);
});

test('the number of attempts is bounded, and so is the time of all waits', async (t) => {
  const { base, asked } = await serve(t, busy(99, 503, { 'Retry-After': '4' }));
  const count = clockOf();
  await assert.rejects(new Forge({ baseUrl: base, clock: count, retry: { attempts: 3 } }).get(COURSES), problem('busy'));
  assert.deepEqual(count.slept, [4000, 4000]);
  assert.equal(asked.length, 3);
  const total = clockOf();
  await assert.rejects(new Forge({ baseUrl: base, clock: total, retry: { attempts: 99, totalMs: 10_000 } }).get(COURSES), problem('busy'));
  assert.deepEqual(total.slept, [4000, 4000]);
});

test('POST and PATCH are sent once, PUT and DELETE again', async (t) => {
  const { base, asked } = await serve(t, busy(99, 503));
  const forge = new Forge({ baseUrl: base, clock: clockOf(), retry: { attempts: 2 } });
  for (const [method, times] of [['POST', 1], ['PATCH', 1], ['PUT', 2], ['DELETE', 2]]) {
    asked.length = 0;
    await assert.rejects(forge.raw(method, COURSES, { body: { title: 'x' } }), problem('busy'));
    assert.equal(asked.length, times, method);
  }
});

test('with an Idempotency-Key a POST is sent again with the same key and body', async (t) => {
  const { base, asked } = await serve(t, (q, r, n) => (n === 1 ? refuse(r, 503, 'busy') : json(r, 201, { id: 7 })));
  const forge = new Forge({ baseUrl: base, clock: clockOf() });
  const { data } = await forge.post(COURSES, { body: { title: 'Graphs' }, idempotencyKey: true });
  assert.equal(data.id, 7);
  assert.equal(asked.length, 2);
  assert.match(asked[0].headers['idempotency-key'], /^[\x21-\x7e]{16,255}$/);
  assert.equal(asked[1].headers['idempotency-key'], asked[0].headers['idempotency-key']);
  assert.equal(asked[1].body, '{"title":"Graphs"}');
  await forge.post(COURSES, { body: { title: 'Graphs' }, idempotencyKey: 'mine' });
  assert.equal(asked[2].headers['idempotency-key'], 'mine');
  assert.notEqual(asked[0].headers['idempotency-key'], (await forge.post(COURSES, { body: { title: 'x' }, idempotencyKey: true }), asked[3].headers['idempotency-key']));
});

test('a lost connection is tried again for GET alone', async (t) => {
  const { base, asked } = await serve(t, (q, r, n) => (n % 2 === 1 ? r.destroy() : json(r, 200, [])));
  const forge = new Forge({ baseUrl: base, clock: clockOf() });
  await forge.get(COURSES);
  assert.equal(asked.length, 2);
  await assert.rejects(forge.post(COURSES, { body: { title: 'x' } }), TypeError);
  assert.equal(asked.length, 3);
});

test('an abort ends a request and a wait', async (t) => {
  const { base, asked } = await serve(t, (q, r) => (q.url === '/health' ? undefined : refuse(r, 503, 'busy')));
  const silent = new AbortController();
  const call = new Forge({ baseUrl: base }).get('/health', { signal: silent.signal });
  while (asked.length === 0) await new Promise(setImmediate);
  silent.abort(new Error('changed my mind'));
  await assert.rejects(call, /changed my mind/);
  const waiting = new AbortController();
  const clock = { ...clockOf(), sleep: (ms, signal) => new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    waiting.abort(new Error('enough'));
  }) };
  await assert.rejects(new Forge({ baseUrl: base, clock }).get(COURSES, { signal: waiting.signal }), /enough/);
  assert.equal(asked.length, 2);
});

test('the real clock waits, and stops to wait when it is told', async (t) => {
  const { base, asked } = await serve(t, (q, r, n) => (q.url === '/health' ? refuse(r, 503, 'busy', { 'Retry-After': '20' }) : busy(1, 503)(q, r, n)));
  await new Forge({ baseUrl: base, retry: { baseMs: 1 } }).get(COURSES);
  assert.equal(asked.length, 2);
  const stop = new AbortController();
  const call = new Forge({ baseUrl: base }).get('/health', { signal: stop.signal });
  while (asked.length < 3) await new Promise(setImmediate);
  stop.abort(new Error('stop'));
  await assert.rejects(call, /stop/);
});

test('an answer that is no problem document is an error all the same', async (t) => {
  const { base } = await serve(t, (q, r) => r.writeHead(502, { 'Content-Type': 'text/html', 'X-Request-ID': 'r1' }).end('<h1>Bad Gateway</h1>'));
  await assert.rejects(new Forge({ baseUrl: base }).get(COURSES), (error) => error instanceof ProblemError && error.status === 502 && error.code === undefined
    && error.requestId === 'r1' && error.errors.length === 0 && /502/.test(error.message));
});

test('bodies, parameters and answers keep their form', async (t) => {
  const { base, asked } = await serve(t, (q, r, n) => [
    () => r.writeHead(304, { ETag: '"v1"' }).end(), () => r.writeHead(204).end(), () => r.writeHead(200, { 'Content-Type': 'application/pdf' }).end('%PDF'),
    () => r.writeHead(200, { 'Content-Type': 'text/csv' }).end('a,b'), () => json(r, 200, [])][n - 1]());
  const forge = new Forge({ baseUrl: `${base}/` });
  const kept = await forge.get('/api/v1/courses/{id}', { path: { id: 7 }, headers: { 'If-None-Match': '"v1"' } });
  assert.deepEqual([kept.response.status, kept.data, asked[0].headers['if-none-match']], [304, undefined, '"v1"']);
  const gone = await forge.delete('/api/v1/courses/{id}', { path: { id: 'a/b' }, headers: { 'If-Match': '"v1"' } });
  assert.deepEqual([gone.data, asked[1].url, asked[1].headers['if-match']], [undefined, '/api/v1/courses/a%2Fb', '"v1"']);
  assert.equal(await (await forge.get('/api/v1/files/{id}/content', { path: { id: 1 } })).data.text(), '%PDF');
  const import_ = await forge.raw('POST', '/api/v1/users/import', { body: 'email\n', headers: { 'Content-Type': 'text/csv' } });
  assert.deepEqual([await import_.text(), asked[3].headers['content-type'], asked[3].body], ['a,b', 'text/csv', 'email\n']);
  await forge.get(COURSES, { query: { q: 'trees & graphs', difficulty: undefined, limit: 5 } });
  assert.equal(asked[4].url, '/api/v1/courses?q=trees+%26+graphs&limit=5');
});
