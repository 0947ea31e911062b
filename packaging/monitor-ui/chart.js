// SPDX-License-Identifier: Apache-2.0
// The charts of the page to look at: uPlot, with the interface of conf/examples/monitor/htdocs/chart.js, which it replaces.
import uPlot from './uplot/uPlot.esm.js';

const HEIGHT = 150;
const clock = (time) => new Date(time * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
const pad = (text, width) => Math.max(width, text.length);

// The colours are those of the style sheet, and change with it.
const probe = document.body.appendChild(document.createElement('i'));
probe.hidden = true;
function colour(name) {
  probe.className = `colour-${name}`;
  return getComputedStyle(probe).color;
}

const axis = (more) => ({ stroke: () => colour('quiet'), grid: { stroke: () => colour('grid'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif', ...more });

export function chart(box, series, { top = 0, format }) {
  const plot = new uPlot({
    width: Math.max(box.clientWidth, 200),
    height: HEIGHT,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'monitor' }, y: false, drag: { setScale: false, x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (self, low, high) => [0, Math.max(top, (high ?? 0) * 1.1) || 1] } },
    axes: [
      axis({ values: (self, times) => times.map(clock), space: 60, size: 24 }),
      axis({ values: (self, values) => values.map(format), size: (self, values) => 12 + 6.2 * (values ?? ['']).reduce((width, text) => pad(text, width), 0), space: 34 }),
    ],
    series: [{}, ...series.map((one, i) => ({
      stroke: () => colour(one.colour), width: 1.5, dash: one.dash, points: { show: false }, ...(i === 0 && series.length === 1 && { fill: () => colour(`${one.colour}-soft`) }),
    }))],
  }, [[], ...series.map(() => [])], box);
  new ResizeObserver(() => { if (box.clientWidth > 0) plot.setSize({ width: box.clientWidth, height: HEIGHT }); }).observe(box);
  return {
    set(times, values) { plot.setData([times, ...values]); },
    redraw() { plot.redraw(false); },
  };
}
