// SPDX-License-Identifier: Apache-2.0
// Figures with their units. What is not known is a dash.

const NONE = '–';
const known = (n) => typeof n === 'number' && Number.isFinite(n);
const rounded = (n, digits) => n.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

// Three figures that count: 1234, 123, 12.3, 1.23.
const short = (n) => rounded(n, Math.abs(n) >= 100 || Number.isInteger(n) ? 0 : Math.abs(n) >= 10 ? 1 : 2);

export const count = (n) => (known(n) ? rounded(n, 0) : NONE);
export const number = (n) => (known(n) ? short(n) : NONE);
export const percent = (n) => (known(n) ? `${rounded(n, (n !== 0 && n < 10) || (n > 99 && n < 100) ? 1 : 0)} %` : NONE);
export const ratio = (n) => (known(n) ? (n > 0 && n < 0.0005 ? '< 0.1 %' : percent(n * 100)) : NONE);
export const perSecond = (n) => (known(n) ? `${short(n)} /s` : NONE);

export function bytes(n) {
  if (!known(n)) return NONE;
  const power = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(Math.abs(n), 1)) / 10)));
  return `${power === 0 ? rounded(n, 0) : short(n / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}
export const byteRate = (n) => (known(n) ? `${bytes(n)}/s` : NONE);

// A short duration.
export function seconds(n) {
  if (!known(n)) return NONE;
  if (n > 0 && n < 0.001) return `${rounded(n * 1000, 2)} ms`;
  return n < 1 ? `${short(n * 1000)} ms` : n < 120 ? `${short(n)} s` : span(n);
}

// A long one, by its two largest parts.
export function span(n) {
  if (!known(n)) return NONE;
  const parts = [[Math.floor(n / 86400), 'd'], [Math.floor(n / 3600) % 24, 'h'], [Math.floor(n / 60) % 60, 'min'], [Math.floor(n) % 60, 's']];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return '0 s';
  return parts.slice(first, first + 2).filter(([value]) => value > 0).map(([value, unit]) => `${value} ${unit}`).join(' ');
}

export const clock = (time) => new Date(time).toLocaleTimeString('en-GB');
export const minute = (time) => new Date(time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
