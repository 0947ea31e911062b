// SPDX-License-Identifier: Apache-2.0
// A front-end developer's session with the running demo, in node. Environment: FORGE_DEMO (its accounts.json). What goes over the wire is counted there.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Forge, ProblemError, memoryStore, readEvents } from 'mod-forge-client';
import { account, demo, pdf } from './page.mjs';
import { watch } from './server.mjs';

test('a front-end developer\'s session', async (t) => {
  const { base, wire } = await watch(t, demo.http);
  const store = memoryStore();
  const out = [];
  const forge = new Forge({ baseUrl: base, store, onLogout: (reason) => out.push(reason?.code) });
  const { username, password } = account('student');
  const refreshes = () => wire.filter((line) => line.startsWith('POST /api/v1/auth/refresh')).length;
  const { user } = await forge.login({ username, password, device_name: 'front-end tests' });
  assert.equal(user.username, username);
  assert.ok(forge.loggedIn);

  await t.test('twenty calls with a token that is not valid make one refresh', async () => {
    const before = store.get();
    store.set({ ...before, access: `${before.access.slice(0, -4)}AAAA` });
    const answers = await Promise.all(Array.from({ length: 20 }, () => forge.get('/api/v1/users/me')));
    assert.ok(answers.every(({ data }) => data.username === username));
    assert.equal(refreshes(), 1);
    assert.ok(wire.filter((line) => line === 'GET /api/v1/users/me 401').length > 1);
    assert.notEqual(store.get().refresh, before.refresh);
  });

  await t.test('all pages together are the whole list', async () => {
    const seen = new Set();
    let total;
    for await (const page of forge.pages('/api/v1/courses', { query: { limit: 7, count: true, sort: 'title' } })) {
      total ??= page.total;
      assert.ok(page.items.length <= 7);
      for (const { id } of page.items) seen.add(id);
    }
    assert.ok(total > 40);
    assert.equal(seen.size, total);
    let rows = 0;
    for await (const course of forge.items('/api/v1/courses')) rows += course.title.length > 0 ? 1 : 0;
    assert.equal(rows, total);
  });

  await t.test('what was refused is a problem with status, code, members and request id', async () => {
    await assert.rejects(forge.post('/api/v1/courses', { body: { title: '', difficulty: 'hard' } }), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.deepEqual([error.status, error.code], [422, 'validation_failed']);
      assert.deepEqual(error.errors.map(({ pointer }) => pointer).sort(), ['/difficulty', '/title']);
      assert.equal(error.requestId, error.response.headers.get('X-Request-ID'));
      return true;
    });
    await assert.rejects(forge.get('/api/v1/courses/{id}', { path: { id: 999_999_999 } }), (error) => error.code === 'not_found' && error.status === 404);
    await assert.rejects(forge.get('/api/v1/users'), (error) => error.status === 403 && error.detail.length > 10);
  });

  await t.test('a write is repeated under its key, and a stale one is refused', async () => {
    const call = { body: { title: `Client ${Date.now()}` }, idempotencyKey: `client-${Date.now()}` };
    const first = await forge.post('/api/v1/courses', call);
    const again = await forge.post('/api/v1/courses', call);
    assert.equal(again.data.id, first.data.id);
    assert.equal(again.response.headers.get('Idempotent-Replayed'), 'true');
    const at = { path: { id: first.data.id } };
    const read = await forge.get('/api/v1/courses/{id}', at);
    const etag = read.response.headers.get('ETag');
    assert.equal((await forge.get('/api/v1/courses/{id}', { ...at, headers: { 'If-None-Match': etag } })).response.status, 304);
    const changed = await forge.patch('/api/v1/courses/{id}', { ...at, body: { description: 'new' }, headers: { 'If-Match': etag } });
    assert.equal(changed.data.description, 'new');
    await assert.rejects(forge.delete('/api/v1/courses/{id}', { ...at, headers: { 'If-Match': etag } }), (error) => error.code === 'precondition_failed');
    assert.equal((await forge.delete('/api/v1/courses/{id}', at)).data, undefined);
  });

  await t.test('a file goes up, its analysis is followed to the end, and the file comes down', async () => {
    const bytes = pdf([['Owls of the north', `Counted at ${Date.now()}.`, 'Owls hunt at night.']]);
    const form = new FormData();
    form.append('file', new Blob([bytes], { type: 'application/pdf' }), 'owls.pdf');
    const { data: file } = await forge.post('/api/v1/files/upload', { body: form });
    assert.deepEqual([file.filename, file.size], ['owls.pdf', bytes.length]);
    const { data: session } = await forge.post('/api/v1/analysis/pdf', { body: { file_id: file.id } });
    const seen = [];
    for await (const { event, data } of forge.events('/api/v1/analysis/sessions/{id}/events', { path: { id: session.id } })) {
      seen.push(event);
      assert.equal(JSON.parse(data).id, session.id);
      if (event !== 'progress') break;
    }
    assert.equal(seen.at(-1), 'done');
    const told = [];
    const answer = await forge.raw('POST', '/api/v1/analysis/qa', { body: { file_id: file.id, question: 'When do owls hunt?' }, headers: { Accept: 'text/event-stream' } });
    for await (const { event, data } of readEvents(answer)) told.push([event, JSON.parse(data).session_id]);
    assert.deepEqual(told.at(-1), ['answer', session.id]);
    const { data: back } = await forge.get('/api/v1/files/{id}/content', { path: { id: file.id } });
    assert.deepEqual(Buffer.from(await back.arrayBuffer()), bytes);
    await forge.delete('/api/v1/analysis/sessions/{id}', { path: { id: session.id } });
    await forge.delete('/api/v1/files/{id}', { path: { id: file.id } });
  });

  await t.test('a signal that is aborted ends the call', async () => {
    await assert.rejects(forge.get('/api/v1/courses', { signal: AbortSignal.abort() }), { name: 'AbortError' });
    const stop = new AbortController();
    const call = forge.get('/api/v1/courses', { signal: stop.signal });
    stop.abort();
    await assert.rejects(call, { name: 'AbortError' });
  });

  await t.test('a session that has ended elsewhere logs out', async () => {
    const { data: sessions } = await forge.get('/api/v1/auth/sessions');
    const other = new Forge({ baseUrl: base, store: memoryStore(store.get()) });
    await other.delete('/api/v1/auth/sessions/{id}', { path: { id: sessions.find(({ current }) => current).id } });
    await assert.rejects(forge.get('/api/v1/users/me'), (error) => error.code === 'invalid_token');
    assert.deepEqual([store.get(), out], [null, ['invalid_refresh_token']]);
    assert.equal(refreshes(), 2);
  });
});
