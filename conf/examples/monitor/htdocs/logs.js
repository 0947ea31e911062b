// SPDX-License-Identifier: Apache-2.0
// The tail of the logs: what was written last, then each line as it comes.
import { get, stream } from './api.js';
import { byId, h, note } from './dom.js';
import { clock, plural, seconds } from './units.js';

const KEPT = 500; // lines on the page
const AGAIN = 3000; // milliseconds until a broken stream is opened anew
const levels = ['trace', 'debug', 'info', 'notice', 'warn', 'error', 'crit', 'alert', 'emerg'];
const spoken = { warning: 'warn', err: 'error', critical: 'crit', fatal: 'crit', panic: 'crit', log: 'info', statement: 'info', detail: 'info', hint: 'info' };
const rank = (level) => levels.findIndex((one) => (spoken[level?.toLowerCase()] ?? level?.toLowerCase() ?? 'info').startsWith(one));
const mood = (level) => (rank(level) >= rank('error') ? 'fail' : rank(level) >= rank('warn') ? 'warn' : rank(level) < rank('info') ? 'quiet' : '');

let list, count, pauseButton, form;
let source = null;
let turn = 0; // of the filters: what belongs to an earlier one is dropped
let paused = false;
let held = []; // lines that came while it was paused
let seen = new Set();
let newest = null;

const filters = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));

// The server filters too; lines of a stream that began before a filter was changed do not.
function wanted(line, { level, q }) {
  if (level && rank(line.level) < rank(level)) return false;
  return !q || JSON.stringify(line).toLowerCase().includes(q.toLowerCase());
}

const more = (line) => [line.route, line.status, typeof line.duration_ms === 'number' && seconds(line.duration_ms / 1000), line.request_id].filter(Boolean).join(' · ');

const row = (line) => h('li', { class: mood(line.level) }, h('time', { datetime: line.ts }, clock(line.ts)), h('b', {}, line.level ?? ''),
  h('span', { class: 'service' }, line.service ?? ''), h('span', { class: 'msg' }, line.msg ?? '', more(line) && h('span', { class: 'quiet' }, ` ${more(line)}`)));

function showCount() {
  count.textContent = paused ? `Paused, ${plural(held.length, 'new line')}` : plural(list.childElementCount, 'line');
}

// The reader who has scrolled up stays there; who is at the end sees the newest line.
function append(lines) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(...lines.map(row));
  while (list.childElementCount > KEPT) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
  showCount();
}

function take(lines) {
  const now = filters();
  const fresh = lines.filter((line) => !(line.id !== undefined && seen.has(line.id)) && wanted(line, now));
  for (const { id } of fresh) if (id !== undefined) seen.add(id);
  if (seen.size > 5000) seen = new Set([...seen].slice(-2000));
  if (lines.length > 0) newest = lines.at(-1).ts ?? newest;
  if (!paused) return append(fresh);
  held = [...held, ...fresh].slice(-KEPT);
  return showCount();
}

function close() {
  source?.close();
  source = null;
}

// Lines since the last one that is known, then the stream. What came in between comes again, and is known by its id.
async function follow(mine) {
  const { service, ...query } = filters();
  const lines = await get(`/monitor/logs/${service}?${new URLSearchParams({ lines: 200, ...query, ...(newest && { since: newest }) })}`);
  if (mine !== turn) return;
  take(lines);
  note('logs', list.childElementCount + held.length === 0 ? 'No line yet.' : '');
  const opened = await stream(`/monitor/logs/stream/${service}`, new URLSearchParams(query));
  if (mine !== turn) return opened.close();
  source = opened;
  source.addEventListener('log', ({ data }) => {
    if (mine !== turn) return;
    note('logs', '');
    take([JSON.parse(data)]);
  });
  // A ticket works once, so that the browser must not open the stream again by itself.
  source.addEventListener('error', () => {
    opened.close();
    if (mine === turn) setTimeout(() => { if (mine === turn) resume(); }, AGAIN);
  });
  return undefined;
}

async function resume() {
  const mine = turn;
  close();
  try {
    await follow(mine);
  } catch (problem) {
    if (mine !== turn) return;
    if (problem.status === undefined) throw problem;
    const lasting = { 401: 'This needs a login.', 403: 'This needs an administrator.', 404: 'Not available here.' }[problem.status];
    note('logs', lasting ?? (problem.status === 0 ? 'The server does not answer; these lines are from before.' : `${problem.message}.`));
    setTimeout(() => { if (mine === turn) resume(); }, problem.status === 0 ? AGAIN : Math.max(problem.wait, 60) * 1000);
  }
}

// Begins with the filters as they are.
export function beginLogs() {
  turn += 1;
  held = [];
  seen = new Set();
  newest = null;
  list.replaceChildren();
  showCount();
  return resume();
}

// In a hidden tab nothing is read; back in it, what was missed comes first.
export function pauseLogs() {
  turn += 1;
  close();
}
export const resumeLogs = resume;

function pause() {
  paused = !paused;
  pauseButton.textContent = paused ? 'Go on' : 'Pause';
  const lines = held;
  held = [];
  append(paused ? [] : lines);
}

export function makeLogs() {
  const select = (label, name, options) => h('label', {}, label, h('select', { name }, options.map(([value, text]) => h('option', { value }, text))));
  form = h('form', { class: 'bar', onsubmit: (event) => { event.preventDefault(); beginLogs(); }, onchange: () => beginLogs() },
    select('Of', 'service', [['all', 'all'], ['backend', 'backend'], ['frontend', 'frontend'], ['postgres', 'PostgreSQL']]),
    select('From level', 'level', [['', 'any'], ['debug', 'debug'], ['info', 'info'], ['warn', 'warning'], ['error', 'error']]),
    h('label', {}, 'With', h('input', { name: 'q', type: 'search', placeholder: 'text', maxlength: 200 })));
  pauseButton = h('button', { type: 'button', onclick: pause }, 'Pause');
  count = h('span', { class: 'quiet', id: 'log-count' });
  list = h('ol', { class: 'log', tabindex: 0, 'aria-label': 'Log lines', 'aria-describedby': 'log-count' });
  form.append(pauseButton, count);
  byId('logs').append(h('div', { class: 'body' }, form, list));
}
