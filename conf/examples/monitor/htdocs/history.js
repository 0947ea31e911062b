// SPDX-License-Identifier: Apache-2.0
// The last hour: what GET /monitor/history says, and between two looks at it the figures that GET /monitor says. The charts draw it.
import { chart } from './chart.js';
import { h, byId } from './dom.js';
import { byteRate, count, number, percent, perSecond, ratio, seconds } from './units.js';

const KEPT = 720; // an hour of five seconds
let interval = 5;
let first = Infinity; // number of the oldest place of which something is known
let last = -Infinity; // and of the newest
let series = {}; // arrays of KEPT figures, of which the last is the newest; null: not known

// Takes figures for the place of a time. A newer one moves all others on, and places in between stay unknown.
function place(slot, figures) {
  const more = last === -Infinity ? 0 : Math.min(KEPT, Math.max(0, slot - last));
  for (const values of Object.values(series)) values.splice(0, KEPT, ...values.slice(more), ...Array(more).fill(null));
  last = Math.max(last, slot);
  const at = KEPT - 1 - (last - slot);
  if (at < 0) return;
  first = Math.max(Math.min(first, slot), last - KEPT + 1);
  for (const [name, value] of Object.entries(figures)) {
    series[name] ??= Array(KEPT).fill(null);
    if (value !== null && value !== undefined) series[name][at] = value;
  }
}

const slotOf = (time) => Math.round(new Date(time).getTime() / 1000 / interval);

export function takeHistory(answer) {
  if (answer.interval_seconds !== interval) {
    interval = answer.interval_seconds;
    series = {};
    first = Infinity;
    last = -Infinity;
  }
  const names = Object.keys(answer.series);
  const n = answer.series[names[0]]?.length ?? 0;
  const end = slotOf(answer.until);
  for (let i = 0; i < n; i++) place(end - n + 1 + i, Object.fromEntries(names.map((name) => [name, answer.series[name][i]])));
}

export function takeMonitor({ timestamp, cpu, memory, network, requests, database }) {
  place(slotOf(timestamp), { cpu: cpu?.percent, memory: memory?.percent, rx: network?.rx_bytes_per_second, tx: network?.tx_bytes_per_second,
    requests_per_second: requests?.per_second, error_rate: requests?.error_rate, p50: requests?.p50, p95: requests?.p95, p99: requests?.p99,
    in_flight: requests?.in_flight, pool_busy: database?.busy, pool_waiting: database?.waiting });
}

// --- the charts ---

// Lines: [series, name, colour, dashes]. The first is the one that matters.
const charts = [
  { id: 'rate', format: perSecond, lines: [['requests_per_second', 'answered', 'one']] },
  { id: 'latency', format: seconds, lines: [['p95', 'p95', 'one'], ['p50', 'p50', 'two', [2, 3]], ['p99', 'p99', 'three', [6, 3]]],
    help: 'p95: 95 of 100 requests were faster' },
  { id: 'errors', format: ratio, top: 0.01, lines: [['error_rate', '5xx answers', 'bad']] },
  { id: 'load', format: percent, top: 100, lines: [['cpu', 'processor', 'one'], ['memory', 'memory', 'two', [6, 3]]] },
  { id: 'traffic', format: byteRate, lines: [['rx', 'received', 'one'], ['tx', 'sent', 'two', [6, 3]]] },
  { id: 'work', format: number, top: 4, lines: [['pool_busy', 'busy', 'one'], ['pool_waiting', 'waiting', 'bad', [6, 3]], ['in_flight', 'requests', 'two', [2, 3]]],
    whole: true },
];

// Below each chart stand its lines in figures: legend, and what those read who do not see the lines.
function make(one) {
  const box = h('div', { class: 'plot', role: 'img' });
  const cells = one.lines.map(() => ['now', 'mean', 'most'].map((name) => h('td', { class: `n ${name}` })));
  const rows = one.lines.map(([, name, colour], i) => h('tr', {}, h('th', { scope: 'row' }, h('span', { class: `key line-${colour}${one.lines[i][3] ? ' dashed' : ''}`, 'aria-hidden': 'true' }), name), cells[i]));
  byId(one.id).append(h('div', { class: 'body' }, box,
    h('table', { class: 'legend' }, h('thead', {}, h('tr', {}, h('td', {}), ['now', 'mean', 'highest'].map((name) => h('th', { scope: 'col', class: 'n' }, name)))),
      h('tbody', {}, rows)), one.help && h('p', { class: 'quiet help' }, one.help)));
  return { ...one, box, cells, plot: chart(box, one.lines.map(([, , colour, dash]) => ({ colour, dash })), { top: one.top, format: one.whole ? count : one.format }) };
}
let made = [];
export const chartIds = charts.map(({ id }) => id);

function draw({ id, box, cells, plot, lines, format }) {
  const length = last === -Infinity ? 0 : last - first + 1;
  const times = Array.from({ length }, (_, i) => (first + i) * interval);
  const values = lines.map(([name]) => (series[name] ?? Array(KEPT).fill(null)).slice(KEPT - length));
  plot.set(times, values);
  const said = lines.map(([, name], i) => {
    const known = values[i].filter((value) => value !== null);
    const figures = [values[i].at(-1) ?? null, known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null, known.length ? Math.max(...known) : null];
    cells[i].forEach((cell, k) => { cell.textContent = format(figures[k]); });
    return `${name} ${format(figures[0])}, highest ${format(figures[2])}`;
  });
  box.setAttribute('aria-label', `${byId(`${id}-title`).textContent} in the last ${Math.max(1, Math.round(length * interval / 60))} min: ${said.join('; ')}`);
}

export function drawCharts() {
  if (made.length === 0) made = charts.map(make);
  made.forEach(draw);
}

export const recolour = () => made.forEach(({ plot }) => plot.redraw());
