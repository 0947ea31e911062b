// SPDX-License-Identifier: Apache-2.0
// A page to look at: how the service and its machine are, now and in the last hour. Everything comes from the public API; GET /docs describes it.
import { Problem, call, get, logout, me } from './api.js';
import { byId, hasBody, note, say, sentence } from './dom.js';
import { chartIds, drawCharts, recolour, takeHistory, takeMonitor } from './history.js';
import { askLogin } from './login.js';
import { beginLogs, makeLogs, pauseLogs, resumeLogs } from './logs.js';
import { alertText, drawAlerts, drawContainers, drawDatabase, drawGlance, drawHealth, drawJobs, drawMachine, drawPeople, drawPool, firing, partName } from './panels.js';
import { clock, perSecond, ratio, seconds } from './units.js';

const TICK = 5000;

let monitor = null; // the last answer of GET /monitor
let health = null;
let figures = null; // of GET /monitor/identity
let awaySince = null; // since when the server does not answer
let refusal = null; // with what else than figures it answers
let heardAt = null; // when it last did

// --- what is asked, and which panels draw it ---

// every: ticks between two looks. A first look asks for the whole hour, later ones for the last minute.
let whole = true;
const sources = [
  { path: () => '/monitor', every: 1, panels: ['glance', 'alerts', 'machine'], take: (answer) => {
    monitor = answer;
    takeMonitor(answer);
    drawGlance(answer);
    drawAlerts(answer);
    drawMachine(answer);
    drawCharts();
    byId('where').textContent = `${answer.environment} · ${answer.version}`;
  } },
  { path: () => `/monitor/history?minutes=${whole ? 60 : 2}`, every: 12, panels: chartIds, take: (answer) => {
    whole = false;
    takeHistory(answer);
    drawCharts();
  } },
  { path: () => '/monitor/health', every: 3, panels: ['health'], take: (answer) => {
    health = answer;
    drawHealth(answer);
  } },
  { path: () => '/monitor/database/pool', every: 3, panels: ['pool'], take: drawPool },
  { path: () => '/monitor/identity', every: 3, panels: ['people'], take: async (answer) => {
    figures = answer;
    drawPeople({ figures: answer }, unlock);
    await askLocked();
  } },
  { path: () => '/metrics', every: 3, panels: ['jobs'], take: drawJobs },
  { path: () => '/monitor/docker/temp-data', every: 6, panels: ['containers'], take(answer) {
    this.wait = answer.enabled ? 1 : this.every;
    drawContainers(answer, enable);
  } },
  { path: () => '/monitor/database/performance', every: 12, panels: ['database'], take: drawDatabase },
];
const RARELY = 60; // ticks until an endpoint is asked again that this server does not have

// --- panels without an answer ---

const away = () => `The server does not answer${hasBody('glance') ? `; figures of ${clock(heardAt)}` : ''}.`;

function says(problem) {
  if (problem.status === 0) return away();
  if (problem.status === 401) return 'This needs a login.';
  if (problem.status === 403) return me ? `This needs an administrator, which ${me.username} is not.` : 'This needs an administrator.';
  if (problem.status === 404) return 'Not available here.';
  if (problem.status === 429) return 'The server asks for patience; the figures come later.';
  return sentence(problem.message);
}

async function look(source) {
  try {
    const answer = await get(source.path());
    source.wait = source.every;
    heardAt = Date.now();
    await source.take(answer);
    for (const panel of source.panels) note(panel, '');
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status > 0) heardAt = Date.now();
    source.wait = problem.status === 404 ? RARELY : problem.status === 0 ? 1 : Math.max(source.every, Math.ceil(problem.wait * 1000 / TICK));
    for (const panel of source.panels) note(panel, says(problem));
    return problem;
  }
  return null;
}

// --- the sentence at the top ---

const list = (words) => (words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`);

function verdict() {
  if (awaySince) return ['fail', `The server has not answered since ${clock(awaySince)}. The figures are from before.`];
  if (refusal) return ['fail', `The server answers with an error: ${sentence(refusal.message)}`];
  const checks = Object.entries(health?.checks ?? {});
  const broken = checks.filter(([, { status }]) => status === 'fail').map(([name]) => partName(name));
  const weak = checks.filter(([, { status }]) => status === 'warn').map(([name]) => partName(name));
  const alerts = firing(monitor).map(alertText);
  const parts = [broken.length > 0 && `${list(broken)} ${broken.length === 1 ? 'fails' : 'fail'}`, ...alerts, weak.length > 0 && `${list(weak)} ${weak.length === 1 ? 'needs' : 'need'} a look`].filter(Boolean);
  if (broken.length > 0 || monitor?.status === 'fail' || health?.status === 'fail') return ['fail', sentence(parts.join('; ') || 'The service fails')];
  if (parts.length > 0) return ['warn', sentence(parts.join('; '))];
  if (!health && !monitor) return ['wait', 'No figures yet.'];
  return ['pass', 'All is well.'];
}

// The sentence is read aloud when its matter changes, not whenever a figure in it does.
let matter = '';
function drawVerdict() {
  const [mood, text] = verdict();
  drawAccount();
  byId('verdict').dataset.mood = mood;
  document.title = `${{ pass: '', warn: '! ', fail: '✕ ' }[mood] ?? ''}Monitor`;
  const now = mood + text.replace(/[\d.,:]+/g, '');
  if (now !== matter) byId('sentence').setAttribute('aria-live', 'polite');
  else byId('sentence').setAttribute('aria-live', 'off');
  matter = now;
  if (byId('sentence').textContent !== text) byId('sentence').textContent = text;
  const r = monitor?.requests;
  byId('brief').textContent = r ? `${perSecond(r.per_second)} requests · p95 ${seconds(r.p95)} · errors ${ratio(r.error_rate)}` : '';
  byId('clock').textContent = heardAt ? `as of ${clock(heardAt)}` : '';
}

// --- the ticks ---

let timer = null;
let running = false;

async function tick() {
  clearTimeout(timer);
  if (running || document.hidden) return;
  running = true;
  const due = sources.filter((source) => (source.wait = (source.wait ?? 1) - 1) <= 0);
  const problems = (await Promise.all(due.map(look))).filter(Boolean);
  running = false;
  if (problems.some(({ status }) => status === 0)) awaySince ??= heardAt ?? Date.now();
  else if (due.length > 0 && awaySince) {
    awaySince = null;
    whole = true; // what happened meanwhile
    for (const source of sources) source.wait = Math.min(source.wait, 1);
  }
  refusal = problems.find(({ status }) => status >= 500) ?? null;
  drawVerdict();
  const closed = problems.find(({ status }) => status === 401 || status === 403);
  if (closed && problems.length === due.length) return shut(closed);
  timer = setTimeout(tick, TICK);
  return undefined;
}

function open() {
  byId('gate').hidden = true;
  byId('board').hidden = false;
  drawAccount();
  for (const source of sources) source.wait = 1;
  whole = true;
  tick();
  beginLogs();
}

// Nothing can be read: says what is missing.
function shut(problem) {
  clearTimeout(timer);
  pauseLogs();
  byId('board').hidden = true;
  byId('gate').hidden = false;
  const [title, text] = problem.status === 403 && me
    ? ['This page needs an administrator', `You are logged in as ${me.username}, whose role is ${me.role}. Log in as an administrator, or ask one.`]
    : ['Please log in', 'This page needs an administrator: log in with a Forge account of that role.'];
  byId('gate-title').textContent = title;
  byId('gate-text').textContent = text;
  byId('verdict').dataset.mood = 'wait';
  byId('sentence').setAttribute('aria-live', 'polite');
  byId('sentence').textContent = `${title}.`;
  byId('brief').textContent = byId('clock').textContent = '';
  drawAccount();
}

// --- the account ---

function drawAccount() {
  byId('account').textContent = me ? `Log out ${me.username}` : 'Log in';
}

async function enter(why) {
  if (!await askLogin(why)) return false;
  say(`Welcome, ${me.username}.`);
  drawAccount();
  await start();
  return true;
}

async function leave() {
  await logout();
  figures = null;
  say('You are logged out.');
  drawPeople({ locked: undefined }, unlock);
  drawAccount();
  await start();
}

byId('account').addEventListener('click', () => (me ? leave() : enter()));
byId('gate-login').addEventListener('click', () => enter());

// --- what can be done ---

// Who is locked is told only to administrators, also where the figures are open.
async function askLocked() {
  if (figures?.accounts.locked > 0 && me?.role === 'admin') {
    const locked = await get('/users?locked=true&limit=50').catch((problem) => says(problem));
    drawPeople({ locked }, unlock);
  } else drawPeople({ locked: undefined }, unlock);
}

async function act(work) {
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401 && await askLogin(problem.code === 'insufficient_user_authentication' ? 'For this, please log in once more.' : 'For this, please log in.')) return act(work);
    say(says(problem));
    return note(work.panel, says(problem));
  }
  return undefined;
}

function unlock({ id, username }) {
  return act(Object.assign(async () => {
    await call('POST', `/users/${id}/unlock`);
    say(`${username} is unlocked.`);
    await look(sources.find(({ panels }) => panels.includes('people')));
    byId('people-title').tabIndex = -1;
    byId('people-title').focus({ preventScroll: true });
  }, { panel: 'people' }));
}

function enable(minutes) {
  return act(Object.assign(async () => {
    await call('POST', '/monitor/docker/enable-temp', { minutes });
    say(`Containers are looked at for ${minutes} minutes.`);
    await look(sources.find(({ panels }) => panels.includes('containers')));
  }, { panel: 'containers' }));
}

// --- colours ---

const dark = matchMedia('(prefers-color-scheme: dark)');
const chosen = () => document.documentElement.dataset.colours;
function drawColours() {
  byId('colours').textContent = `Colours: ${chosen() ?? 'auto'}`;
  recolour();
}
byId('colours').addEventListener('click', () => {
  // From the system's colours to the others, then to those of the system by name, then back.
  const [same, other] = dark.matches ? ['dark', 'light'] : ['light', 'dark'];
  const to = chosen() === undefined ? other : chosen() === other ? same : undefined;
  if (to) document.documentElement.dataset.colours = to;
  else delete document.documentElement.dataset.colours;
  if (to) localStorage.setItem('monitor-colours', to);
  else localStorage.removeItem('monitor-colours');
  drawColours();
});
dark.addEventListener('change', drawColours);

// --- begin ---

document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    clearTimeout(timer);
    pauseLogs();
  } else if (!byId('board').hidden) {
    tick();
    resumeLogs();
  }
});
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('main').focus();
});

// May this page be read from here, and by this account? An endpoint that is not there, or a server that is away, is no refusal.
async function start() {
  clearTimeout(timer);
  pauseLogs();
  try {
    await get('/monitor/identity');
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401 || problem.status === 403) return shut(problem);
  }
  return open();
}

for (const { panels } of sources) for (const panel of panels) note(panel, 'Loading …');
note('logs', 'Loading …');
makeLogs();
drawColours();
await start();
