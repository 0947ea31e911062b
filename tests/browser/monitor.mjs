// SPDX-License-Identifier: Apache-2.0
// The page to look at in a real browser: its figures are the API's, who may read them is asked to log in and told what is missing, and it says so when
// the server is away. By keyboard on a wide screen over HTTPS, by touch on a phone over HTTP; every state is read by axe in both colours.
import { chromium } from 'playwright-core';
import { account, audit, check, demo, finish, stepNow, totp, watched } from './page.mjs';

const mark = Date.now();
const PASSWORD = 'Nanosecond-11.8in';
const PATH = '/monitor/';

// --- the API, and the accounts of this test ---

async function api(token, method, path, body) {
  const response = await fetch(`${demo.http}/api/v1${path}`, { method, body: body && JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) } });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw Object.assign(new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`), { status: response.status });
  return answer;
}
const logsIn = async (username, password) => (await api(null, 'POST', '/auth/login', { username, password })).access_token;

// An administrator with a second factor; its code of the next half minute is still good, as the one of now is used up here.
async function administrator(token) {
  const name = `watch${mark}`;
  const { user } = await api(null, 'POST', '/auth/register', { email: `${name}@example.org`, username: name, password: PASSWORD });
  await api(token, 'PATCH', `/users/${user.id}`, { role: 'admin' });
  const own = await logsIn(name, PASSWORD);
  const { secret } = await api(own, 'POST', '/auth/mfa/setup', { password: PASSWORD });
  await api(own, 'POST', '/auth/mfa/verify', { code: totp(secret, stepNow()) });
  return { id: user.id, name, code: () => totp(secret, stepNow() + 1) };
}

async function learner() {
  const name = `locked${mark}`;
  const { user } = await api(null, 'POST', '/auth/register', { email: `${name}@example.org`, username: name, password: PASSWORD });
  return { id: user.id, name };
}

// --- looking ---

const sentence = (page, text) => page.locator('#sentence').filter({ hasText: text }).waitFor();
const says = (page, text) => page.locator('#said').filter({ hasText: text }).waitFor({ state: 'attached' });
const panel = (page, id) => page.locator(`#${id}`);
const fact = async (page, id, name) => (await panel(page, id).locator('.facts > div').filter({ has: page.locator(`dt:text-is("${name}")`) }).locator('dd').innerText()).trim();
const tile = async (page, name) => (await panel(page, 'tiles').locator('.tile').filter({ has: page.locator(`dt:text-is("${name}")`) }).locator('strong').innerText()).trim();
const focused = (page) => page.evaluate(() => {
  const at = document.activeElement;
  return (at.getAttribute('aria-label') ?? at.labels?.[0]?.innerText ?? at.innerText ?? '').trim();
});

async function tabTo(page, name) {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    if ((await focused(page)) === name) return true;
  }
  throw new Error(`no way by Tab to "${name}"`);
}

// The figure that a text begins with, in the unit of the API: bytes, seconds, or as it stands.
const factors = { 'KiB': 1024, 'MiB': 1024 ** 2, 'GiB': 1024 ** 3, 'TiB': 1024 ** 4, 'ms': 0.001 };
function figure(text) {
  const [, number, unit] = /^[^\d]*([\d.,]+)\s*([A-Za-z]+)?/.exec(text) ?? [];
  return number === undefined ? null : Number(number.replaceAll(',', '')) * (factors[unit?.split('/')[0]] ?? 1);
}
// Rounded to what is shown: three figures, or a tenth.
function same(what, shown, value, scale = 1) {
  const wanted = value === null || value === undefined ? null : value * scale;
  const good = wanted === null ? shown === '–' : /^</.test(shown) ? wanted < figure(shown) : Math.abs(figure(shown) - wanted) <= Math.max(Math.abs(wanted) * 0.02, 0.051, /%/.test(shown) && wanted >= 10 ? 0.51 : 0);
  check(`${what} is the API's`, good, `${shown} for ${wanted}`);
}

// Opens the page and keeps what the API has answered last, by path.
async function opens(page, base) {
  const answers = {};
  page.on('response', async (response) => {
    const { pathname } = new URL(response.url());
    if (!/^\/(api\/v1\/monitor|metrics)/.test(pathname) || /stream/.test(pathname)) return;
    const body = await response.text().catch(() => null);
    answers[pathname.replace('/api/v1', '')] = { status: response.status(), body: /json/.test(response.headers()['content-type']) ? JSON.parse(body) : body };
  });
  await page.goto(`${base}${PATH}`);
  return answers;
}

// Whether this server has an endpoint, as it must; the panel of one that it does not have would say so.
async function has(page, id, path) {
  const { status } = await fetch(`${demo.http}/api/v1${path}`);
  check(`${path} is there`, status === 200, `${status}`);
  return status === 200;
}

// --- the figures ---

async function showsMachine(page, m) {
  same('the rate of requests', await tile(page, 'Requests'), m.requests.per_second);
  same('p95', await tile(page, 'p95'), m.requests.p95);
  same('the error rate', await tile(page, 'Errors'), m.requests.error_rate, 100);
  same('processor', await tile(page, 'Processor'), m.cpu.percent);
  same('memory', await tile(page, 'Memory'), m.memory.percent);
  same('the fullest disk', await tile(page, 'Disk'), Math.max(...m.disk.map((one) => one.percent)));
  same('busy connections', await tile(page, 'Connections'), m.database.busy);
  same('used memory', await fact(page, 'machine', 'Memory'), m.memory.used_bytes);
  same('load', await fact(page, 'machine', 'Load'), m.load.one);
  same('cores', await fact(page, 'machine', 'Cores'), m.cpu.cores);
  same('processes', await fact(page, 'machine', 'Processes'), m.processes.total);
  same('network', await fact(page, 'machine', 'Network'), m.network.rx_bytes_per_second);
}

async function showsPeople(page, who) {
  same('sessions', await fact(page, 'people', 'Sessions'), who.sessions.active);
  same('accounts', await fact(page, 'people', 'Accounts'), who.accounts.total);
  same('logins', await fact(page, 'people', 'Logins, last hour'), who.logins.ok_1h);
}

async function showsParts(page, { checks }, metrics) {
  const jobs = /^forge_jobs_ended_total\{outcome="done"\} (\d+)/m.exec(metrics)[1];
  same('jobs that are done', await fact(page, 'jobs', 'Done'), Number(jobs));
  const words = { pass: 'works', warn: 'warning', fail: 'fails', off: 'not in use' };
  const shown = await panel(page, 'health').locator('.parts > li').count();
  check('each part of the service is there', shown === Object.keys(checks).length, `${shown} of ${Object.keys(checks).length}`);
  const parts = await panel(page, 'health').innerText();
  for (const status of new Set(Object.values(checks).map((one) => one.status))) {
    const wanted = Object.values(checks).filter((one) => one.status === status).length;
    check(`${wanted} of the parts: ${words[status]}`, parts.split(words[status]).length - 1 === wanted, parts);
  }
}

async function showsPool(page, pool) {
  same('connections of the pool', await fact(page, 'pool', 'Busy'), pool.busy);
  const rows = await panel(page, 'pool').getByRole('region', { name: 'Table: Connections by process' }).locator('tbody tr').count();
  check('each process has its row', rows === pool.children.length, `${rows} rows`);
}

async function showsCharts(page, history) {
  const highest = Math.max(...history.series.memory.filter((value) => value !== null));
  const legend = await panel(page, 'load').locator('.legend tbody tr').nth(1).locator('td').last().innerText();
  check('a chart and its figures are of the last hour', Math.abs(figure(legend) - highest) < 1, `${legend} for ${highest}`);
  const label = await panel(page, 'load').getByRole('img').getAttribute('aria-label');
  check('a chart says what it shows', /^Processor and memory in the last \d+ min: processor .* %, highest/.test(label), label);
  const drawn = await panel(page, 'load').locator('canvas, path').count();
  check('and is drawn', drawn > 0, drawn);
}

async function showsDatabase(page, { slow_statements: slow }) {
  const text = await panel(page, 'database').innerText();
  check('slow statements are listed', slow.length === 0 ? /None is known/.test(text) : text.includes(slow[0].query.slice(0, 20)), text.slice(0, 300));
}

async function showsFigures(page, answers) {
  for (const ready of ['#people .facts', '#jobs .facts', '#health .parts']) await page.locator(ready).waitFor();
  await showsPeople(page, answers['/monitor/identity'].body);
  await showsParts(page, answers['/monitor/health'].body, answers['/metrics'].body);
  const others = [['machine', '/monitor', showsMachine], ['load', '/monitor/history', showsCharts], ['pool', '/monitor/database/pool', showsPool],
    ['database', '/monitor/database/performance', showsDatabase]];
  for (const [id, path, shows] of others) {
    if (!await has(page, id, path)) continue;
    await panel(page, id).locator('.facts, .legend').first().waitFor();
    await shows(page, answers[path].body);
  }
}

// --- by keyboard ---

async function walks(page) {
  await page.evaluate(() => { document.activeElement.blur(); window.scrollTo(0, 0); });
  await page.keyboard.press('Tab');
  check('the first stop skips to the figures', (await focused(page)) === 'Skip to the figures', await focused(page));
  await page.keyboard.press('Enter');
  check('and leads there', await page.evaluate(() => document.activeElement.id === 'main'));
  if (await has(page, 'pool', '/monitor/database/pool')) {
    await tabTo(page, 'Table: Connections by process');
    await page.waitForResponse('**/monitor/database/pool');
    await page.waitForTimeout(500);
    check('a table that is drawn anew keeps the focus', (await focused(page)) === 'Table: Connections by process', await focused(page));
  }
  await tabTo(page, 'Log lines');
  check('the log is reached', true);
}

async function colours(page) {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await background();
  await page.locator('#colours').focus();
  await page.keyboard.press('Enter');
  const dark = await background();
  check('dark can be chosen', dark !== light && (await page.locator('#colours').innerText()) === 'Colours: dark', dark);
  await page.reload();
  await page.locator('#people .facts').waitFor();
  check('and stays', (await background()) === dark);
  await page.keyboard.press('Tab');
  for (let i = 0; i < 2; i++) await page.locator('#colours').press('Enter');
  check('then those of the system come back', (await background()) === light && (await page.locator('#colours').innerText()) === 'Colours: auto');
}

// --- who may read ---

// As if the browser were elsewhere: without a token 401, with one of a learner 403, as the server's configuration answers then.
async function elsewhere(page) {
  const state = { role: null, old: null };
  const refuse = (route, status, code, detail) => route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify({ title: code, code, detail, status }) });
  await page.route(/\/(api\/v1\/monitor|metrics)/, async (route) => {
    const token = (await route.request().allHeaders()).authorization;
    if (/\/monitor\/health$/.test(route.request().url())) return route.continue();
    if (!token && !/ticket=/.test(route.request().url())) return refuse(route, 401, 'unauthenticated', 'this needs a bearer access token; log in first');
    if (state.role === 'student') return refuse(route, 403, 'insufficient_scope', 'your role does not allow this');
    if (token && token === state.old) return refuse(route, 401, 'invalid_token', 'the access token is expired');
    return route.continue();
  });
  return state;
}

async function fillIn(page, name, password) {
  const dialog = page.getByRole('dialog', { name: 'Log in' });
  await dialog.waitFor();
  await dialog.getByLabel('E-mail address or username').fill(name);
  await dialog.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  return dialog;
}

async function asksForLogin(page, watcher) {
  const state = await elsewhere(page);
  await page.goto(`${demo.https}${PATH}`);
  await page.getByRole('heading', { name: 'Please log in' }).waitFor();
  check('who may not read sees no panel', await page.locator('#board').isHidden());
  await audit(page, 'the closed page');
  await tabTo(page, 'Log in'); // in the header
  await page.keyboard.press('Enter');
  const { username, password } = account('student');
  let dialog = await fillIn(page, username, 'wrong');
  await dialog.locator('.alert').filter({ hasText: /^[A-Z].*\.$/ }).waitFor();
  await audit(page, 'a refused login');
  state.role = 'student';
  await fillIn(page, username, password);
  await page.getByRole('heading', { name: 'This page needs an administrator' }).waitFor();
  check('who has another role is told', (await page.locator('#gate-text').innerText()).includes(`${username}, whose role is student`), await page.locator('#gate-text').innerText());
  state.role = 'admin';
  await page.locator('#gate-login').click();
  dialog = await fillIn(page, watcher.name, PASSWORD);
  await dialog.getByLabel('Code of your authenticator app, or a backup code').waitFor();
  await audit(page, 'the second factor');
  await page.keyboard.type('000000');
  await page.keyboard.press('Enter');
  await dialog.locator('.alert').filter({ hasText: 'code' }).waitFor();
  await dialog.getByLabel('Code').fill(watcher.code());
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: `Log out ${watcher.name}` }).waitFor();
  await page.locator('#people .facts').waitFor();
  check('an administrator with a second factor gets in', await page.locator('#gate').isHidden());
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  check('tokens are in no storage and in no cookie', !/eyJ|csrf|session/.test(stored), stored);
  return state;
}

// Several requests find out at once that the token has expired.
async function renewsOnce(page, state) {
  let refreshes = 0;
  page.on('request', (request) => { if (request.url().endsWith('/auth/refresh')) refreshes += 1; });
  const request = await page.waitForRequest((one) => one.url().endsWith('/monitor/identity'));
  state.old = (await request.allHeaders()).authorization;
  const good = page.waitForResponse(async (one) => one.url().endsWith('/monitor/identity') && one.status() === 200 && (await one.request().allHeaders()).authorization !== state.old);
  await good;
  check('an expired token is renewed once for all', refreshes === 1 && await page.locator('#gate').isHidden(), refreshes);
}

async function unlocks(page, one) {
  for (let i = 0; i < 5; i++) await api(null, 'POST', '/auth/login', { username: one.name, password: 'Wrong7-Walrus!Q' }).catch(() => {});
  const button = page.getByRole('button', { name: `Unlock: ${one.name}` });
  await button.waitFor();
  const { accounts } = await api(null, 'GET', '/monitor/identity');
  const text = await panel(page, 'people').innerText();
  check('locked accounts are counted and named', accounts.locked >= 1 && text.includes(`${accounts.locked} account`) && text.includes(one.name), text);
  await audit(page, 'a locked account');
  await button.focus();
  await page.keyboard.press('Enter');
  await says(page, `${one.name} is unlocked.`);
  await button.waitFor({ state: 'detached' });
  check('an account is unlocked', (await api(null, 'GET', '/monitor/identity')).accounts.locked === accounts.locked - 1);
  check('the focus stays at the panel', (await focused(page)) === 'Sessions and accounts', await focused(page));
}

// --- logs ---

async function tails(page) {
  if (!await has(page, 'logs', '/monitor/logs/all')) return;
  const list = panel(page, 'logs').locator('.log');
  await list.locator('li').first().waitFor();
  const visits = () => fetch(`${demo.http}/api/v1/courses/${mark}`, { headers: { 'X-Request-ID': `monitor-${mark}-${visits.n = (visits.n ?? 0) + 1}` } });
  const line = (n) => list.locator('li').filter({ hasText: `monitor-${mark}-${n}` });
  await visits();
  await line(1).first().waitFor();
  check('a new line of the log comes by itself', true);
  check('lines about the page itself are left out', (await list.locator('li').filter({ hasText: '/api/v1/monitor/identity' }).count()) === 0);
  const streams = new AbortController();
  const { status, headers } = await fetch(`${demo.http}/api/v1/monitor/logs/stream/all`, { signal: streams.signal });
  if (status !== 404) check('by a stream', status === 200 && headers.get('content-type').startsWith('text/event-stream'), `${status} ${headers.get('content-type')}`);
  streams.abort();
  await panel(page, 'logs').getByRole('button', { name: 'Pause' }).click();
  await visits();
  await panel(page, 'logs').getByText(/Paused, \d*[1-9] new line/).waitFor();
  check('a pause holds new lines back', (await line(2).count()) === 0);
  await panel(page, 'logs').getByRole('button', { name: 'Go on' }).click();
  await line(2).first().waitFor();
  await panel(page, 'logs').getByLabel('With').fill(`monitor-${mark}-1`);
  await page.keyboard.press('Enter');
  await line(2).first().waitFor({ state: 'detached' });
  await line(1).first().waitFor();
  check('lines are searched', (await list.locator('li').filter({ hasNotText: `monitor-${mark}-1` }).count()) === 0);
  await panel(page, 'logs').getByLabel('With').fill('');
  await panel(page, 'logs').getByLabel('From level').selectOption('error');
  await page.waitForResponse(/\/monitor\/logs\/[a-z]+\?.*level=error/);
  await line(1).first().waitFor({ state: 'detached' });
  check('and filtered by level', true);
}

// --- alerts, and the server away ---

// The server's answer with an alert in it, as there is none on a healthy machine.
async function alerts(page) {
  if (!await has(page, 'alerts', '/monitor')) return;
  const since = new Date(Date.now() - 60000).toISOString();
  const change = async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...await response.json(), status: 'warn', alerts: [{ name: 'cpu', value: 91.5, threshold: 70, state: 'firing', since }] } });
  };
  await page.route(/\/api\/v1\/monitor$/, change);
  await sentence(page, 'The processor is at 92 %, more than 70 %.');
  const text = await panel(page, 'alerts').innerText();
  check('an alert stands at the top and in its panel', /Alert/.test(text) && text.includes(new Date(since).toLocaleTimeString('en-GB')), text);
  check('and in the title', (await page.title()).startsWith('!'), await page.title());
  await audit(page, 'an alert');
  await page.unrouteAll({ behavior: 'wait' }); // a change that is under way ends first
  await page.locator('#alerts').filter({ hasNotText: new Date(since).toLocaleTimeString('en-GB') }).waitFor(); // the processor may really be at so much
  const own = await panel(page, 'alerts').innerText();
  check('and when it is over, it is gone', /No alert|Soon|more than/.test(own), own);
}

async function goesAway(page) {
  const before = await fact(page, 'people', 'Accounts');
  const wire = /\/(api\/v1|metrics)/;
  await page.route(wire, (route) => route.abort());
  await sentence(page, /The server has not answered since \d\d:\d\d:\d\d\./);
  check('a server that is away is said so, and the figures stay', (await fact(page, 'people', 'Accounts')) === before, before);
  await audit(page, 'a server that is away');
  await page.unrouteAll({ behavior: 'wait' });
  await page.locator('#sentence').filter({ hasNotText: 'has not answered' }).waitFor();
  check('and when it is back', await page.locator('#people .state').count() === 0);
}

// An endpoint that a server does not have.
async function misses(page) {
  await page.route('**/monitor/docker/temp-data', (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body: '{"code":"not_found"}' }));
  await page.reload();
  await panel(page, 'containers').getByText('Not available here.').waitFor();
  check('what the server does not have is not available here', true);
  await page.unroute('**/monitor/docker/temp-data');
}

async function rests(page) {
  let requests = 0;
  const hide = (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  await page.waitForTimeout(1500); // what is under way
  page.on('request', () => { requests += 1; });
  await page.waitForTimeout(6500);
  check('a hidden tab asks nothing', requests === 0, requests);
  const next = page.waitForResponse(/\/api\/v1\/monitor/);
  await hide(false);
  await next;
  check('and goes on when it is seen', true);
}

// --- the walks ---

const refusals = (status, path) => [401, 403, 404].includes(status) && /^\/(api\/v1\/(monitor|auth\/(login|mfa))|metrics)/.test(path);
const absent = (status, path) => status === 404 && path === '/api/v1/monitor/docker/temp-data'; // which misses() answers itself
const broken = (text) => /net::ERR_FAILED/.test(text); // requests that the test itself breaks

async function open(browser) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  const { page, troubles } = await watched(context, demo.https, absent);
  const answers = await opens(page, demo.https);
  await showsFigures(page, answers);
  await sentence(page, /^(?!Loading|No figures).*\.$/);
  await audit(page, 'the page');
  await walks(page);
  await tails(page);
  await colours(page);
  await alerts(page);
  await misses(page);
  await rests(page);
  check('the page had no errors, refusals of the policy or foreign requests', troubles.length === 0, troubles.join(' | '));
  await context.close();
}

async function closed(browser, { watcher, locked }) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  const { page, troubles } = await watched(context, demo.https, refusals);
  const state = await asksForLogin(page, watcher);
  await renewsOnce(page, state);
  await unlocks(page, locked);
  check('the walk through the login had no errors, refusals of the policy or foreign requests', troubles.length === 0, troubles.join(' | '));
  await context.close();
}

async function phone(browser) {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  const { page, troubles } = await watched(context, demo.http);
  await page.goto(`${demo.http}${PATH}`);
  await page.locator('#people .facts').waitFor();
  await audit(page, 'the page on a phone');
  await page.locator('#account').tap();
  await page.getByRole('dialog', { name: 'Log in' }).waitFor();
  await audit(page, 'the login on a phone');
  await page.getByRole('button', { name: 'Cancel' }).tap();
  await goesAway(page);
  const left = troubles.filter((one) => !broken(one));
  check('the walk on a phone had no errors, refusals of the policy or foreign requests', left.length === 0, left.join(' | '));
  await context.close();
}

const { username, password } = account('admin');
const token = await logsIn(username, password);
const people = { watcher: await administrator(token), locked: await learner() };
const browser = await chromium.launch({ executablePath: process.env.FORGE_CHROMIUM });
try {
  for (const walk of [open, closed, phone]) await walk(browser, people).catch((error) => check(`the walk ${walk.name}`, false, error.message));
} finally {
  await browser.close();
  for (const { id } of Object.values(people)) await api(token, 'DELETE', `/users/${id}`);
}
finish();
