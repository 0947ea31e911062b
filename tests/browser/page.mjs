// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: the demo, counting, and a page that is watched for everything that should not happen on it.
// Environment: FORGE_DEMO (the demo's accounts.json), FORGE_CHROMIUM.
import { readFileSync } from 'node:fs';

export const demo = JSON.parse(readFileSync(process.env.FORGE_DEMO, 'utf8'));
export const account = (role) => demo.accounts.find((one) => one.role === role);

const counts = { passed: 0, failed: 0 };

export function check(what, good, seen = '') {
  if (good) counts.passed += 1;
  else counts.failed += 1;
  console.log(`${good ? 'ok  ' : 'FAIL'} ${what}${good || seen === '' ? '' : `: ${seen}`}`);
}

export function finish() {
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed > 0 ? 1 : 0;
}

// What Chromium of a coming version may say about itself on any page; it names no fault of ours.
const remarks = [
  [/^\[Deprecation\]/, 'a feature that the bundled pages use will go one day'],
  [/^\[Intervention\]/, 'the browser did something its own way'],
  [/^\[Violation\]/, 'something took long, as on a busy machine'],
];
const isRemark = (text) => remarks.some(([pattern]) => pattern.test(text));

// A page, and the list of what should not have happened on it: errors and warnings, refusals of the content security policy, requests to other hosts,
// answers with an error. expected(status, path) says which of the latter belong to the test.
export async function watched(context, base, expected = () => false) {
  const { origin } = new URL(base);
  const page = await context.newPage();
  const troubles = [];
  page.setDefaultTimeout(60_000);
  page.on('console', (message) => {
    const path = message.location().url.startsWith(origin) ? new URL(message.location().url).pathname : '';
    const status = Number(/the server responded with a status of (\d+)/.exec(message.text())?.[1]);
    if (!['error', 'warning'].includes(message.type()) || isRemark(message.text()) || expected(status, path)) return;
    troubles.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => troubles.push(`script: ${error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith('data:') && !url.startsWith('blob:') && new URL(url).origin !== origin) troubles.push(`foreign request: ${url}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && !expected(response.status(), new URL(response.url()).pathname)) troubles.push(`${response.status()}: ${response.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
  });
  return { page, troubles };
}
