// SPDX-License-Identifier: Apache-2.0
// The documentation pages in a real browser: every operation is shown, nothing is refused by the content security policy, nobody else's host
// is asked for anything, and Swagger UI's Authorize button logs in.
import { chromium } from 'playwright-core';
import { account, check, demo, finish, watched } from './page.mjs';

const base = demo.http;
const { username, password } = account('student');
const origin = new URL(base).origin;

// Opens a page and writes down everything that should not happen on it.
async function open(context, path) {
  const { page, troubles } = await watched(context, base);
  const response = await page.goto(base + path, { waitUntil: 'load' });
  check(`${path} answers 200 with its own policy`, response.status() === 200 && /script-src 'self'/.test(response.headers()['content-security-policy'] ?? ''),
    `${response.status()} ${response.headers()['content-security-policy']}`);
  return { page, troubles };
}

async function close(path, { page, troubles }) {
  const inline = await page.locator('script:not([src])').count();
  await page.waitForTimeout(500); // what a worker or a late style would still ask for
  check(`${path} has no inline script`, inline === 0, inline);
  check(`${path} runs without errors or foreign requests`, troubles.length === 0, troubles.join(' | '));
  await page.close();
}

async function documented(context) {
  const response = await context.request.get(`${base}/openapi.json`);
  const document = await response.json();
  const methods = new Set(['get', 'post', 'put', 'patch', 'delete']);
  return Object.values(document.paths).flatMap((path) => Object.keys(path)).filter((name) => methods.has(name)).length;
}

// Of a long list Swagger UI keeps only what is in view: it is scrolled from top to bottom.
async function operationsOf(page) {
  const seen = new Set();
  for (let height = 0, still = 0; still < 5;) {
    for (const id of await page.locator('.opblock').evaluateAll((all) => all.map((one) => one.id))) seen.add(id);
    await page.evaluate(() => window.scrollBy(0, 400));
    await page.waitForTimeout(50);
    const now = await page.evaluate(() => window.scrollY);
    still = now === height ? still + 1 : 0;
    height = now;
  }
  return seen.size;
}

async function showsSwagger(context, path, operations) {
  const opened = await open(context, path);
  await opened.page.locator('.opblock').first().waitFor();
  const shown = await operationsOf(opened.page);
  check(`${path} shows all ${operations} operations`, shown === operations, shown);
  await close(path, opened);
}

async function showsRedoc(context, path, operations) {
  const opened = await open(context, path);
  const sections = opened.page.locator('[data-section-id^="tag/"][data-section-id*="/operation/"]');
  await sections.first().waitFor({ state: 'attached' });
  const shown = await sections.count();
  check(`${path} shows all ${operations} operations`, shown === operations, shown);
  await opened.page.locator('input[type="text"]').first().fill('course');
  await opened.page.locator('[data-role="search:results"]').waitFor(); // the search runs in a worker made from a blob
  check(`${path} searches`, (await opened.page.locator('[data-role="search:results"] li').count()) > 0);
  await close(path, opened);
}

async function logsIn(context) {
  const opened = await open(context, '/docs');
  const { page } = opened;
  await page.locator('.opblock').first().waitFor();
  await page.locator('.auth-wrapper .authorize').first().click();
  const form = page.locator('.auth-container').filter({ has: page.locator('#oauth_username') });
  await form.locator('#oauth_username').fill(username);
  await form.locator('#oauth_password').fill(password);
  await form.locator('button.authorize').click();
  await page.locator('.auth-container button', { hasText: 'Logout' }).waitFor();
  check('Authorize logs in', true);
  await page.locator('.btn-done').first().click();
  const me = page.locator('#operations-auth-auth_me');
  await me.locator('.opblock-summary-control').click();
  await me.getByRole('button', { name: 'Try it out' }).click();
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url() === `${origin}/api/v1/auth/me`),
    me.getByRole('button', { name: 'Execute' }).click(),
  ]);
  check('and the token opens /auth/me', answer.status() === 200, answer.status());
  await close('/docs, logged in,', opened);
}

const browser = await chromium.launch({ executablePath: process.env.FORGE_CHROMIUM });
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const operations = await documented(context);
  for (const path of ['/docs', '/docs/', '/api/docs']) await showsSwagger(context, path, operations);
  for (const path of ['/redoc', '/redoc/', '/api/redoc']) await showsRedoc(context, path, operations);
  await logsIn(context);
} catch (error) {
  check('the walk through the pages', false, error.message);
} finally {
  await browser.close();
}
finish();
