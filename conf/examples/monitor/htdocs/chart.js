// SPDX-License-Identifier: Apache-2.0
// A chart without libraries: lines in an SVG. Where the page was built with npm, packaging/monitor-ui/chart.js takes its place.

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 720;
const HEIGHT = 140;

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// The points of one line, which is cut where nothing is known.
function path(times, values, top) {
  const from = times[0];
  const wide = Math.max(times.at(-1) - from, 1);
  let pen = 'M';
  return values.map((value, i) => {
    if (value === null || value === undefined) {
      pen = 'M';
      return '';
    }
    const point = `${pen}${((times[i] - from) / wide * WIDTH).toFixed(1)} ${(HEIGHT - value / top * (HEIGHT - 4) - 2).toFixed(1)}`;
    pen = 'L';
    return point;
  }).join('');
}

// series: [{colour}], the colours in the order of monitor.css; top: what the scale reaches at least. set(times, values of each series) draws.
export function chart(box, series, { top = 0 }) {
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none' });
  const lines = series.map(({ colour }) => svg('path', { class: `line line-${colour}` }));
  picture.append(...lines);
  box.append(picture);
  return {
    set(times, values) {
      const most = Math.max(top, ...values.flat().filter((value) => typeof value === 'number')) || 1;
      lines.forEach((line, i) => line.setAttribute('d', times.length > 1 ? path(times, values[i], most) : ''));
    },
    redraw() {}, // the colours are those of the style sheet
  };
}
