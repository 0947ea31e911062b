// SPDX-License-Identifier: Apache-2.0
// Small servers of the tests' own, and a clock that does not wait.
import { createServer, request } from 'node:http';
import { once } from 'node:events';

async function listening(server, test) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}`;
}

// Serves what answer(request, response) writes, and keeps what was asked: { method, url, headers, body }.
export async function serve(test, answer) {
  const asked = [];
  const server = createServer(async (q, r) => {
    const pieces = [];
    for await (const piece of q) pieces.push(piece);
    const one = { method: q.method, url: q.url, headers: q.headers, body: Buffer.concat(pieces).toString() };
    asked.push(one);
    await answer(one, r, asked.length);
  });
  return { base: await listening(server, test), asked };
}

export const json = (response, status, body, headers = {}) =>
  response.writeHead(status, { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json', ...headers }).end(JSON.stringify(body));
export const refuse = (response, status, code, headers) => json(response, status, { type: `/errors/${code}`, title: '-', status, code, detail: `it is ${code}` }, headers);

// Passes everything on to the demo and writes down "METHOD path status" of what went over the wire.
export async function watch(test, to) {
  const wire = [];
  const server = createServer((q, r) => {
    const on = request(new URL(q.url, to), { method: q.method, headers: q.headers }, (answer) => {
      wire.push(`${q.method} ${q.url} ${answer.statusCode}`);
      r.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(r);
    });
    r.on('close', () => on.destroy());
    on.on('error', () => r.destroy());
    q.pipe(on);
  });
  return { base: await listening(server, test), wire };
}

// A clock whose sleep only moves it. `slept` is what it was asked for.
export function clockOf({ random = 0, now = Date.UTC(2026, 0, 1) } = {}) {
  const slept = [];
  return { slept, random: () => random, now: () => now,
    sleep: async (ms, signal) => { signal?.throwIfAborted(); slept.push(ms); now += ms; } };
}
