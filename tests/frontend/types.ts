// SPDX-License-Identifier: Apache-2.0
// What the compiler has to accept and to refuse in a front end that uses the client. It is compiled, never run.
import { Forge, ProblemError, type Item, type Schemas } from 'mod-forge-client';

const forge = new Forge({ baseUrl: '' });

export async function accepted(): Promise<void> {
  const { data: course, response } = await forge.get('/api/v1/courses/{id}', { path: { id: 1 } });
  const title: string = course.title;
  const etag: string | null = response.headers.get('ETag');
  const { data: courses } = await forge.get('/api/v1/courses');
  const first: string | undefined = courses[0]?.title;
  await forge.get('/api/v1/courses', { query: { difficulty: 'beginner', limit: 5, count: true }, signal: AbortSignal.timeout(5000) });
  await forge.patch('/api/v1/courses/{id}', { path: { id: 1 }, body: { title }, headers: { 'If-Match': etag ?? '*' } });
  const made: number = (await forge.post('/api/v1/courses', { body: { title: 'x' }, idempotencyKey: true })).data.id;
  const gone: undefined = (await forge.delete('/api/v1/courses/{id}', { path: { id: made } })).data;
  const size: number = (await forge.post('/api/v1/files/upload', { body: new FormData() })).data.size;
  const file: Blob = (await forge.get('/api/v1/files/{id}/content', { path: { id: size } })).data;
  await forge.post('/api/v1/users/import', { body: 'email,username\n', headers: { 'Content-Type': 'text/csv' } });
  const login: Schemas['Login'] = await forge.login({ username: 'a', password: 'b' });
  if (login.mfa_required && login.mfa_token) await forge.post('/api/v1/auth/mfa/verify', { body: { mfa_token: login.mfa_token, code: '123456' } });
  for await (const row of forge.items('/api/v1/courses', { query: { q: 'graphs' } })) show(row, first, gone, file);
  for await (const { data } of forge.events('/api/v1/analysis/sessions/{id}/events', { path: { id: 1 } })) JSON.parse(data);
}

function show(row: Item<'/api/v1/courses'>, ...rest: unknown[]): string {
  return `${row.title} ${rest.length}`;
}

export function told(error: unknown): string | undefined {
  return error instanceof ProblemError ? error.errors.find(({ pointer }) => pointer === '/email')?.detail ?? error.detail : undefined;
}

export async function refused(): Promise<void> {
  // @ts-expect-error an id is a number
  await forge.get('/api/v1/courses/{id}', { path: { id: 'x' } });
  // @ts-expect-error the id is needed
  await forge.get('/api/v1/courses/{id}');
  // @ts-expect-error there is no such path
  await forge.get('/api/v1/nothing');
  // @ts-expect-error this path has no PUT
  await forge.put('/api/v1/users/me', { body: {} });
  // @ts-expect-error there is no such level
  await forge.get('/api/v1/courses', { query: { difficulty: 'hard' } });
  // @ts-expect-error the title is needed
  await forge.post('/api/v1/courses', { body: {} });
  // @ts-expect-error this is no list
  forge.items('/api/v1/users/me');
  const { data } = await forge.get('/api/v1/courses');
  // @ts-expect-error the list may be empty
  show(data[0]);
}
