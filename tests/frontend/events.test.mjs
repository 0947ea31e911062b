// SPDX-License-Identifier: Apache-2.0
// Streams and lists, against a server of the test's own.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Forge, readEvents } from 'mod-forge-client';
import { clockOf, json, refuse, serve } from './server.mjs';

const STREAM = '/api/v1/analysis/sessions/{id}/events';
const at = { path: { id: 5 } };
const open = (r) => r.writeHead(200, { 'Content-Type': 'text/event-stream' });
const bodyOf = (pieces) => new Response(new ReadableStream({ start(c) { for (const piece of pieces) c.enqueue(piece); c.close(); } }));

async function all(events) {
  const seen = [];
  for await (const one of events) seen.push(one);
  return seen;
}

test('a stream is read byte by byte, with every kind of line end', async () => {
  const text = ': hello\r\nid: 1\r\nevent: progress\r\ndata: {"a":\r\ndata:  1}\r\n\r\ndata: grüße\n\nid: 2\r\revent: empty\n\ndata\n\ndata: cut off';
  const bytes = [...Buffer.from(text)].map((byte) => Uint8Array.of(byte));
  const expected = [{ event: 'progress', data: '{"a":\n 1}', id: '1' }, { event: 'message', data: 'grüße', id: '1' }, { event: 'message', data: '', id: '2' }];
  assert.deepEqual(await all(readEvents(bodyOf(bytes))), expected);
  assert.deepEqual(await all(readEvents(bodyOf([Buffer.from(text)]))), expected);
});

test('a stream that breaks goes on where it was, after the time that the server said, until 204', async (t) => {
  let first;
  const { base, asked } = await serve(t, (q, r, n) => {
    if (n === 1) return (first = open(r)).write('retry: 1234\n\nid: 7\nevent: progress\ndata: 40\n\nid: 8\n\n');
    return n === 2 ? open(r).end('id: 9\nevent: done\ndata: 100\n\n') : r.writeHead(204).end();
  });
  const clock = clockOf();
  const seen = [];
  for await (const { event, data } of new Forge({ baseUrl: base, clock }).events(STREAM, at)) {
    seen.push([event, data]);
    if (seen.length === 1) first.destroy(); // now that it was read: an end overtakes what was written
  }
  assert.deepEqual(seen, [['progress', '40'], ['done', '100']]);
  assert.deepEqual(asked.map((q) => q.headers['last-event-id']), [undefined, '8', '9']);
  assert.deepEqual(asked.map((q) => q.headers.accept), Array(3).fill('text/event-stream'));
  assert.deepEqual(clock.slept, [1234, 1234]);
});

test('a stream that is refused is an error, and one that is left or aborted is closed', async (t) => {
  let closed = 0;
  const { base } = await serve(t, (q, r) => {
    if (q.url.includes('/6/')) return refuse(r, 404, 'not_found');
    r.on('close', () => { closed += 1; });
    return open(r).write('data: 1\n\n');
  });
  const forge = new Forge({ baseUrl: base });
  await assert.rejects(all(forge.events(STREAM, { path: { id: 6 } })), (error) => error.code === 'not_found');
  for await (const event of forge.events(STREAM, at)) {
    assert.equal(event.data, '1');
    break;
  }
  const stop = new AbortController();
  await assert.rejects((async () => {
    for await (const event of forge.events(STREAM, { ...at, signal: stop.signal })) stop.abort(new Error(`after ${event.data}`));
  })(), /after 1/);
  while (closed < 2) await new Promise(setImmediate);
});

test('pages follow rel=next alone, with its query and never its host', async (t) => {
  const links = ['<http://192.0.2.1/elsewhere?after=b&limit=1>; rel="next", </api/v1/courses?limit=1>; rel="first"', '</api/v1/courses>; rel=first', undefined];
  const { base, asked } = await serve(t, (q, r, n) => json(r, 200, [{ id: n }], { ...(links[n - 1] && { Link: links[n - 1] }), ...(n === 1 && { 'X-Total-Count': '2' }) }));
  const pages = await all(new Forge({ baseUrl: base }).pages('/api/v1/courses', { query: { limit: 1, count: true } }));
  assert.deepEqual(pages, [{ items: [{ id: 1 }], total: 2 }, { items: [{ id: 2 }], total: undefined }]);
  assert.deepEqual(asked.map((q) => q.url), ['/api/v1/courses?limit=1&count=true', '/api/v1/courses?after=b&limit=1']);
});

test('a list that is left early asks for no further page', async (t) => {
  const { base, asked } = await serve(t, (q, r, n) => json(r, 200, [{ id: n }, { id: -n }], { Link: `</api/v1/courses?after=${n}>; rel="next"` }));
  const seen = [];
  for await (const { id } of new Forge({ baseUrl: base }).items('/api/v1/courses')) {
    seen.push(id);
    if (seen.length === 3) break;
  }
  assert.deepEqual([seen, asked.length], [[1, -1, 2], 2]);
});
