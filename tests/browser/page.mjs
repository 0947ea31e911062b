// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: the demo, counting, a PDF, an authenticator app, what axe says, and a page that is watched for what should not happen.
// Environment: FORGE_DEMO (the demo's accounts.json), FORGE_CHROMIUM; for account.mjs FORGE_MAIL (the demo's mails) and FORGE_PAGES (the pages' sources).
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

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

// What axe finds in light and dark, and whether the view is wider than the screen.
export async function audit(page, name) {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate(() => window.axe.run());
    check(`${name}, ${colorScheme}: axe finds nothing`, violations.length === 0,
      violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`).join('; '));
  }
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(`${name}: nothing is wider than the screen`, wider <= 0, wider);
}

// The code of an authenticator app (RFC 6238).
export function totp(secret, step) {
  const bits = [...secret.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}
export const stepNow = () => Math.floor(Date.now() / 30000);

// A PDF in Helvetica: a line a string, an array a page.
export function pdf(pages) {
  const bodies = ['<< /Type /Catalog /Pages 2 0 R >>', `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, i) => `${4 + 2 * i} 0 R`).join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'];
  for (const lines of pages) {
    const text = `BT /F1 12 Tf 15 TL 60 760 Td ${lines.map((line) => `(${line.replace(/[\\()]/g, '\\$&')}) '`).join(' ')} ET`;
    bodies.push(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${bodies.length + 2} 0 R >>`,
      `<< /Length ${text.length} >>\nstream\n${text}\nendstream`);
  }
  let file = '%PDF-1.4\n';
  const table = ['0000000000 65535 f \n'];
  bodies.forEach((body, i) => {
    table.push(`${String(file.length).padStart(10, '0')} 00000 n \n`);
    file += `${i + 1} 0 obj\n${body}\nendobj\n`;
  });
  return Buffer.from(`${file}xref\n0 ${table.length}\n${table.join('')}trailer\n<< /Size ${table.length} /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`);
}
