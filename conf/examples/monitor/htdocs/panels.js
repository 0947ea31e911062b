// SPDX-License-Identifier: Apache-2.0
// What each panel draws of what the API says. None of them asks by itself.
import { badge, byId, facts, fill, h, meter, table } from './dom.js';
import { bytes, byteRate, clock, count, number, percent, perSecond, plural, ratio, seconds, span } from './units.js';

// --- at a glance ---

const high = (n, warn, bad) => (n >= bad ? 'fail' : n >= warn ? 'warn' : '');

// [name, value, what stands below it, share for a bar, mood]
const tile = ([name, value, more, share, mood]) => h('div', { class: `tile ${mood ?? ''}` }, h('dt', {}, name),
  h('dd', {}, h('strong', {}, value), share !== undefined && meter(name, share, mood), more && h('span', { class: 'quiet' }, more)));

const LASTING = 3; // looks in a row, until the sentence at the top speaks of it
const bad = new Map();

// Returns what has been bad for a while, in words.
export function drawGlance(m) {
  const fullest = [...m.disk ?? []].sort((a, b) => b.percent - a.percent)[0];
  const { requests: r = {}, cpu = {}, memory = {}, database: d = {} } = m;
  const tiles = [
    ['Requests', perSecond(r.per_second), `${count(r.in_flight)} being served`],
    ['p95', seconds(r.p95), `p50 ${seconds(r.p50)}, p99 ${seconds(r.p99)}`, undefined, high(r.p95, 0.2, 1)],
    ['Errors', ratio(r.error_rate), 'of the answers', undefined, high(r.error_rate, 0.01, 0.05)],
    ['Processor', percent(cpu.percent), plural(cpu.limit_cores ?? cpu.cores ?? NaN, 'core'), cpu.percent ?? 0, high(cpu.percent, 80, 95)],
    ['Memory', percent(memory.percent), `${bytes(memory.available_bytes)} free`, memory.percent ?? 0, high(memory.percent, 85, 95)],
    ['Disk', percent(fullest?.percent), fullest && `${bytes(fullest.free_bytes)} free on ${fullest.path}`, fullest?.percent ?? 0, high(fullest?.percent, 85, 95)],
    ['Connections', `${count(d.busy)} of ${count(d.size)}`, `${count(d.waiting)} waiting`, d.size ? 100 * d.busy / d.size : 0, d.waiting > 0 ? 'warn' : ''],
    ['Running for', span(m.uptime?.service_seconds), 'this service'],
  ];
  byId('tiles').replaceChildren(...tiles.map(tile));
  for (const [name, , , , mood] of tiles) bad.set(name, mood === 'fail' ? (bad.get(name) ?? 0) + 1 : 0);
  return tiles.filter(([name]) => bad.get(name) >= LASTING).map(([name, value]) => `${name} is at ${value}`);
}

export function drawMachine(m) {
  const { cpu = {}, load = {}, memory = {}, processes: p = {}, network = {}, disk_io: io = {}, uptime = {} } = m;
  fill('machine',
    facts([
      ['Load', [load.one, load.five, load.fifteen].map(number).join(' · '), '1, 5, 15 min'],
      ['Cores', count(cpu.cores), typeof cpu.limit_cores === 'number' && `limited to ${number(cpu.limit_cores)}`],
      ['Memory', `${bytes(memory.used_bytes)} of ${bytes(memory.total_bytes)}`, typeof memory.limit_bytes === 'number' && `limited to ${bytes(memory.limit_bytes)}`],
      ['Swap', memory.swap_total_bytes === 0 ? 'none' : `${bytes(memory.swap_used_bytes)} of ${bytes(memory.swap_total_bytes)}`],
      ['Network', `↓ ${byteRate(network.rx_bytes_per_second)}`, `↑ ${byteRate(network.tx_bytes_per_second)}`],
      ['Disk transfer', `read ${byteRate(io.read_bytes_per_second)}`, `written ${byteRate(io.write_bytes_per_second)}`],
      ['Processes', count(p.total), `${count(p.running)} running`],
      ['httpd', plural(p.httpd ?? NaN, 'process', 'processes'), `${plural(p.threads ?? NaN, 'thread')}, ${bytes(p.httpd_rss_bytes)}`],
      ['Up', span(uptime.machine_seconds), 'machine'],
    ]),
    m.disk?.length > 0 && table('File systems', [['File system', (d) => d.path], ['used', (d) => percent(d.percent), 'n'],
      ['free', (d) => bytes(d.free_bytes), 'n'], ['size', (d) => bytes(d.total_bytes), 'n']], m.disk));
}

// --- alerts and parts ---

// The unit of an alert follows from its name.
function alertValue(name, value) {
  if (/rate|ratio/.test(name)) return ratio(value);
  if (/latency|p9|p50|seconds|age|lag|late/.test(name)) return seconds(value);
  return /cpu|memory|disk|percent|pool/.test(name) ? percent(value) : number(value);
}
export const firing = (m) => (m?.alerts ?? []).filter(({ state }) => state === 'firing');
const alertNames = { cpu: 'the processor', memory: 'memory', disk: 'the disk', error_rate: 'the error rate', p95: 'the p95 latency' };
const alertName = (name) => alertNames[name] ?? name.replaceAll('_', ' ');
export const alertText = (one) => `${alertName(one.name)} is at ${alertValue(one.name, one.value)}, more than ${alertValue(one.name, one.threshold)}`;

export function drawAlerts(m) {
  const on = firing(m);
  const pending = (m.alerts ?? []).filter(({ state }) => state === 'pending');
  const rest = (m.alerts ?? []).filter(({ state }) => !['firing', 'pending'].includes(state));
  const item = (one, status, text) => h('li', {}, badge(status, text), ` ${alertText(one)}`, one.since && h('span', { class: 'quiet' }, ` since ${clock(one.since)}`));
  fill('alerts', on.length + pending.length === 0 ? h('p', { class: 'fine' }, badge('pass', 'No alert.'))
    : h('ul', { class: 'plain' }, on.map((one) => item(one, 'fail', 'Alert')), pending.map((one) => item(one, 'warn', 'Soon'))),
  rest.length > 0 && h('p', { class: 'quiet' }, 'Watched: ', rest.map((one, i) => [i > 0 && ', ', `${alertName(one.name)} below ${alertValue(one.name, one.threshold)}`])));
}

const partNames = { database: 'Database', migrations: 'Schema', redis: 'Redis', sandbox: 'Sandbox', mail: 'Mail', jobs: 'Jobs', llm: 'Language model',
  discovery: 'Discovery', upstreams: 'Upstreams', disk: 'Disk', memory: 'Memory', password_hash: 'Passwords' };
export const partName = (name) => partNames[name] ?? name[0].toUpperCase() + name.slice(1).replaceAll('_', ' ');

function partDetail(check) {
  if (check.missing) return check.missing;
  if (typeof check.time_ms === 'number') return `${number(check.time_ms)} ms`;
  if (typeof check.free_percent === 'number') return `${percent(check.free_percent)} free`;
  return typeof check.found === 'number' ? (check.found === check.wanted ? `version ${check.found}` : `version ${check.found}, wanted ${check.wanted}`) : '';
}

const order = ['fail', 'warn', 'pass', 'off'];
export function drawHealth({ checks = {} }) {
  const parts = Object.entries(checks).sort(([, a], [, b]) => order.indexOf(a.status) - order.indexOf(b.status));
  fill('health', h('ul', { class: 'parts' }, parts.map(([name, check]) => h('li', { class: check.status === 'off' ? 'quiet' : '' },
    badge(check.status), h('span', {}, partName(name)), h('span', { class: 'quiet n' }, partDetail(check))))));
}

// --- database ---

export function drawPool(pool) {
  const leaks = pool.leaks ?? [];
  fill('pool', facts([['Busy', `${count(pool.busy)} of ${count(pool.size)}`], ['Waiting', count(pool.waiting)], ['Given up', count(pool.timeouts_total), 'since the start']]),
    table('Connections by process', [['process', (one) => one.pid], ['size', (one) => count(one.size), 'n'], ['busy', (one) => count(one.busy), 'n'],
      ['waiting', (one) => count(one.waiting), 'n']], pool.children ?? []),
    leaks.length === 0 ? h('p', { class: 'quiet' }, 'Nobody keeps a connection for long.')
      : [h('p', {}, badge('warn', 'Kept for more than 30 s')), table('Connections that are kept', [['route', (one) => one.route ?? '–'],
        ['held', (one) => seconds(one.held_seconds), 'n'], ['process', (one) => one.pid, 'n'], ['request', (one) => one.request_id ?? '–']], leaks)]);
}

// What cannot be seen, with the reason, which also says what helps.
const missing = (available) => Object.entries(available ?? {}).filter(([, value]) => value === false)
  .map(([name]) => h('li', {}, h('strong', {}, name.replaceAll('_', ' ')), `: ${available[`${name}_reason`] ?? 'not available'}`));

const severities = { critical: 'fail', error: 'fail', high: 'fail', warning: 'warn', warn: 'warn', medium: 'warn' };
const advice = (one) => h('li', {}, badge(severities[one.severity] ?? 'off', one.severity ?? 'note'), ` ${one.text}`, one.sql && h('pre', { tabindex: 0, 'data-key': one.sql }, h('code', {}, one.sql)));

export function drawDatabase(p) {
  const slow = p.slow_statements ?? [];
  const ideas = p.recommendations ?? [];
  const gone = missing(p.available);
  fill('database',
    facts([['Cache hits', ratio(p.cache_hit_ratio)], ['Long transactions', count(p.long_transactions?.length)], ['Locks waited for', count(p.locks?.length)]]),
    gone.length > 0 && h('ul', { class: 'plain quiet' }, gone),
    h('h3', {}, 'Slow statements'),
    slow.length === 0 ? h('p', { class: 'quiet' }, 'None is known.')
      : table('Slow statements', [['statement', (one) => h('code', { class: 'query' }, one.query)], ['share', (one) => ratio(one.share), 'n'], ['mean', (one) => seconds(one.mean_seconds), 'n'],
        ['total', (one) => seconds(one.total_seconds), 'n'], ['calls', (one) => count(one.calls), 'n'], ['rows', (one) => count(one.rows), 'n']], slow.slice(0, 12)),
    h('h3', {}, 'Advice'),
    ideas.length === 0 ? h('p', { class: 'fine' }, badge('pass', 'Nothing to improve was found.')) : h('ul', { class: 'plain' }, ideas.map(advice)));
}

// --- people ---

let people = {};
// locked: the rows, a sentence instead of them, or undefined while they are not asked for.
export function drawPeople(change, unlock) {
  people = { ...people, ...change };
  const { figures: f, locked } = people;
  if (!f) return;
  const about = f.estimated ? 'about ' : '';
  fill('people', facts([
    ['Sessions', about + count(f.sessions.active), `${count(f.sessions.seen_5m)} seen in 5 min, ${count(f.sessions.seen_1h)} in an hour`],
    ['Guests', about + count(f.guests_active)],
    ['Accounts', about + count(f.accounts.total), `${about}${count(f.accounts.active)} active`],
    ['Logins, last hour', count(f.logins.ok_1h), `${count(f.logins.failed_1h)} failed`],
  ]), h('h3', {}, 'Locked accounts'),
  f.accounts.locked === 0 ? h('p', { class: 'fine' }, badge('pass', 'None is locked.')) : h('p', {}, badge('warn', plural(f.accounts.locked, 'account')), ' locked after failed logins.'),
  f.accounts.locked > 0 && (Array.isArray(locked)
    ? table('Locked accounts', [['account', (one) => one.username], ['role', (one) => one.role], ['last login', (one) => (one.last_login_at ? new Date(one.last_login_at).toLocaleString('en-GB') : 'never')],
      ['what to do', (one) => h('button', { type: 'button', class: 'small', 'data-key': `unlock ${one.id}`, 'aria-label': `Unlock: ${one.username}`, onclick: () => unlock(one) }, 'Unlock')]], locked)
    : h('p', { class: 'quiet' }, locked ?? 'Log in as an administrator to see who they are.')));
}

// --- jobs: figures of /metrics ---

const sample = (text, name) => {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? null : Number(line.slice(name.length + 1).split(' ')[0]);
};

export function drawJobs(text) {
  const ended = (outcome) => count(sample(text, `forge_jobs_ended_total{outcome="${outcome}"}`));
  const oldest = sample(text, 'forge_jobs_oldest_due_seconds');
  fill('jobs', facts([
    ['Waiting', count(sample(text, 'forge_jobs{state="queued"}')), oldest > 0 && `the oldest for ${span(oldest)}`],
    ['Running', count(sample(text, 'forge_jobs{state="running"}'))],
    ['Done', ended('done'), 'since the start'],
    ['Tried again', ended('later')],
    ['Failed', ended('failed')],
    ['Programs', count(sample(text, 'forge_sandbox_in_use')), `in the sandbox, ${count(sample(text, 'forge_sandbox_queue'))} waiting`],
    ['Streams', count(sample(text, 'forge_sse_streams')), 'open'],
  ]));
}

// --- containers ---

const health = { healthy: 'pass', unhealthy: 'fail', starting: 'warn' };
export function drawContainers(d, enable) {
  const list = d.containers ?? [];
  const bar = h('form', { class: 'bar', onsubmit: (event) => { event.preventDefault(); enable(Number(event.target.elements.minutes.value)); } },
    h('label', { for: 'minutes' }, 'Look at containers for'),
    h('select', { id: 'minutes', name: 'minutes', 'data-key': 'minutes' }, [5, 15, 30, 60].map((n) => h('option', { value: n }, `${n} minutes`))),
    h('button', { 'data-key': 'enable' }, d.enabled ? 'Begin anew' : 'Begin'),
    d.enabled && h('span', { class: 'quiet' }, `on until ${clock(d.enabled_until)}`));
  const chosen = byId('minutes')?.value;
  fill('containers', bar, !d.enabled ? h('p', { class: 'quiet' }, 'They are not looked at now.') : list.length === 0 ? h('p', { class: 'quiet' }, 'There is no container.')
    : [table('Containers', [['container', (one) => one.name], ['image', (one) => one.image],
      ['state', (one) => badge(one.state === 'running' ? (health[one.health] ?? 'pass') : 'off', one.health && one.health !== 'none' ? `${one.state}, ${one.health}` : one.state)],
      ['processor', (one) => percent(one.cpu_percent), 'n'], ['memory', (one) => bytes(one.memory_bytes), 'n'],
      ['received', (one) => bytes(one.network?.rx_bytes), 'n'], ['sent', (one) => bytes(one.network?.tx_bytes), 'n'],
      ['read', (one) => bytes(one.block?.read_bytes), 'n'], ['written', (one) => bytes(one.block?.write_bytes), 'n']], list),
    list.filter(({ logs }) => logs?.length > 0).map((one) => h('details', { 'data-key': `logs ${one.id}` }, h('summary', {}, `Last lines of ${one.name}`),
      h('pre', { tabindex: 0 }, one.logs.map((line) => (typeof line === 'string' ? line : line.msg ?? '')).join('\n'))))]);
  if (chosen) byId('minutes').value = chosen;
}
