// SPDX-License-Identifier: Apache-2.0
// Whether a collection has each operation of a document, read by Bruno's own parser. usage: node complete.mjs OPENAPI.json COLLECTION
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import lang from '@usebruno/lang';

const [, , source, directory] = process.argv;
const document = JSON.parse(readFileSync(source, 'utf8'));
const METHODS = ['get', 'put', 'post', 'patch', 'delete'];
let failed = false;

function check(what, good, seen) {
  console.log(good ? `ok   ${what}` : `not ok   ${what}: ${JSON.stringify(seen)}`);
  failed ||= !good;
}

const operations = Object.entries(document.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method])
  .map((method) => ({ key: `${item[method].tags[0]}/${item[method].operationId} ${method} ${path}`, operation: item[method] })));
const tags = new Set(operations.map(({ operation }) => operation.tags[0]));
const files = [...tags].flatMap((tag) => readdirSync(join(directory, tag)).filter((name) => name !== 'folder.bru').map((name) => join(tag, name)));
const requests = files.map((name) => ({ name, ...lang.bruToJsonV2(readFileSync(join(directory, name), 'utf8')) }));
const keyOf = ({ name, http }) => `${name.slice(0, -4)} ${http.method} ${http.url.replace('{{baseUrl}}', '').replace(/\?.*/, '').replace(/:(\w+)/g, '{$1}')}`;
const byKey = new Map(requests.map((request) => [keyOf(request), request]));

const missing = operations.filter(({ key }) => !byKey.has(key)).map(({ key }) => key);
check(`each of ${operations.length} operations is a request in the folder of its tag`, operations.length > 100 && missing.length === 0, missing);
check('and there is no other request', requests.length === operations.length && byKey.size === requests.length, [requests.length, byKey.size]);

const faults = [];
for (const { key, operation } of operations) {
  const request = byKey.get(key);
  if (!request) continue;
  const mode = request.http.body ?? 'none';
  if ((operation.requestBody !== undefined) !== (mode !== 'none')) faults.push([key, 'body', mode]);
  if (mode === 'json' && Object.keys(JSON.parse(request.body.json)).length === 0) faults.push([key, 'empty body']);
  if ((operation.security?.length === 0) !== (request.http.auth === 'none')) faults.push([key, 'auth', request.http.auth]);
  for (const { name, type, value, enabled } of request.params ?? []) {
    if (type === 'path' && value === '') faults.push([key, name, 'no value']);
    const needed = (operation.parameters ?? []).some((one) => one.name === name && one.required === true);
    if (type === 'query' && enabled !== needed) faults.push([key, name, 'on, or off']);
  }
}
check('bodies, credentials and parameters are those of the document', faults.length === 0, faults);
const environment = lang.bruToEnvJsonV2(readFileSync(join(directory, 'environments', 'demo.bru'), 'utf8'));
check('the environment of the demo has what the requests use', ['baseUrl', 'username', 'password', 'token', 'refresh_token']
  .every((name) => environment.variables.some((one) => one.name === name)), environment);
process.exitCode = failed ? 1 : 0;
