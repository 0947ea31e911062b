// SPDX-License-Identifier: Apache-2.0
// Writes a request of Bruno for each operation of an OpenAPI document, in a folder for each tag. Bruno's own importer switches every optional parameter on, so
// that a list is filtered until it is empty and every POST has the same Idempotency-Key; here what may be left out is there, but off.
// usage: node collection.mjs OPENAPI.json DIRECTORY
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import lang from '@usebruno/lang';

const [, , source, directory] = process.argv;
const document = JSON.parse(readFileSync(source, 'utf8'));
const METHODS = ['get', 'put', 'post', 'patch', 'delete'];
const KINDS = { 'application/json': 'json', 'multipart/form-data': 'multipartForm', 'application/x-www-form-urlencoded': 'formUrlEncoded', 'text/csv': 'text' };

// What the examples of the document cannot know.
const BODIES = { auth_login: { username: '{{username}}', password: '{{password}}' }, auth_refresh: { refresh_token: '{{refresh_token}}' } };
const HEADERS = { 'Idempotency-Key': '{{$guid}}' };
const FILE = 'document.pdf'; // is in the collection

const resolve = (node) => (node?.$ref ? resolve(node.$ref.slice(2).split('/').reduce((at, key) => at[key.replace(/~1/g, '/').replace(/~0/g, '~')], document)) : node);
const text = (value) => (value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));

function exampleOf(holder) {
  const [named] = Object.values(holder.examples ?? {});
  return holder.example ?? resolve(named)?.value ?? resolve(holder.schema)?.examples?.[0] ?? resolve(holder.schema)?.default;
}

// A parameter as Bruno has it; ids that have no example are 1.
function parameterOf(parameter) {
  const value = text(HEADERS[parameter.name] ?? exampleOf(parameter) ?? (parameter.in === 'path' ? 1 : ''));
  return { name: parameter.name, value, type: parameter.in, enabled: parameter.required === true };
}

function bodyOf(operation) {
  const content = resolve(operation.requestBody)?.content ?? {};
  const media = Object.keys(KINDS).find((type) => content[type]);
  if (!media) return { mode: 'none' };
  const kind = KINDS[media];
  const example = BODIES[operation.operationId] ?? exampleOf(content[media]);
  const fields = Object.keys(resolve(content[media].schema)?.properties ?? {});
  const body = {
    json: () => JSON.stringify(example ?? {}, null, 2),
    text: () => text(example),
    formUrlEncoded: () => Object.entries(example ?? {}).map(([name, value]) => ({ name, value: text(value), enabled: true })),
    multipartForm: () => fields.map((name) => ({ name, type: 'file', value: [FILE], contentType: content[media].encoding?.[name]?.contentType ?? '', enabled: true })),
  }[kind]();
  return { mode: kind, body: { [kind]: body } };
}

// Bruno writes a path's parameters with a colon; those of the query that are on stand in the address too.
function addressOf(path, parameters) {
  const query = parameters.filter(({ type, enabled }) => type === 'query' && enabled).map(({ name, value }) => `${name}=${value}`);
  return `{{baseUrl}}${path.replace(/\{(\w+)\}/g, ':$1')}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

function requestOf(path, method, operation, shared, seq) {
  const declared = [...shared, ...(operation.parameters ?? [])].map(resolve);
  const parameters = declared.map(parameterOf);
  const { mode, body } = bodyOf(operation);
  const isOpen = (operation.security ?? document.security ?? []).length === 0;
  return lang.jsonToBruV2({
    meta: { name: operation.summary, type: 'http', seq: String(seq), tags: [operation.tags[0]] },
    http: { method, url: addressOf(path, parameters), body: mode, auth: isOpen ? 'none' : 'inherit' },
    params: parameters.filter(({ type }) => type === 'query' || type === 'path'),
    headers: parameters.filter(({ type }) => type === 'header'),
    ...(body && { body }),
    docs: [operation.description, '', ...declared.map(({ name, description }) => `- \`${name}\`: ${description}`)].join('\n').trimEnd(),
  });
}

const folders = new Map((document.tags ?? []).map((tag) => [tag.name, { about: tag.description ?? '', requests: [] }]));
for (const [path, item] of Object.entries(document.paths))
  for (const method of METHODS.filter((name) => item[name])) {
    const [tag] = item[method].tags;
    if (!folders.has(tag)) folders.set(tag, { about: '', requests: [] });
    folders.get(tag).requests.push({ path, method, operation: item[method], shared: item.parameters ?? [] });
  }
for (const [name, { about, requests }] of folders) {
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, name, 'folder.bru'), lang.jsonToCollectionBru({ meta: { name }, auth: { mode: 'inherit' }, docs: about }));
  requests.forEach(({ path, method, operation, shared }, index) => {
    writeFileSync(join(directory, name, `${operation.operationId}.bru`), requestOf(path, method, operation, shared, index + 1));
  });
}
