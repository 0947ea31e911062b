// SPDX-License-Identifier: Apache-2.0
// The texts of the account's pages, read from their sources: each language has the same, and nothing is said outside of the tables.
import { readFileSync, readdirSync } from 'node:fs';
import { check } from './page.mjs';

export const LANGUAGES = ['en', 'de', 'fr', 'es', 'tr'];

const source = (name) => readFileSync(`${process.env.FORGE_PAGES}/${name}`, 'utf8');
export const table = async (code) => (await import(`data:text/javascript,${encodeURIComponent(source(`text-${code}.js`))}`)).default;
const placeholders = (text) => (text.match(/\{\w+\}/g) ?? []).sort().join(' ');

// Texts between the tags of the page, but for the sentence that those without scripts see, which is there in each language.
function pageTexts() {
  const html = source('index.html').replace(/<!--.*?-->/gs, '');
  const without = /<noscript>(.*?)<\/noscript>/s.exec(html)[1];
  check('what is said without scripts is said in each language', [...without.matchAll(/<p lang="(\w+)">[^<]+<\/p>/g)].map((one) => one[1]).join() === LANGUAGES.join());
  const rest = html.replace(/<noscript>.*<\/noscript>/s, '').replace('<title>mod_forge</title>', '').replace(/<[^>]*>/g, '').trim();
  check('the page itself holds no text', rest === '', rest);
}

export async function texts() {
  const english = await table('en');
  const keys = Object.keys(english);
  for (const code of LANGUAGES) {
    const own = await table(code);
    check(`${code}: the same keys in the same order`, Object.keys(own).join() === keys.join(),
      [...keys.filter((key) => !(key in own)), ...Object.keys(own).filter((key) => !(key in english))].join(' '));
    const wrong = keys.filter((key) => typeof own[key] !== 'string' || own[key].trim() === '' || placeholders(own[key]) !== placeholders(english[key]));
    check(`${code}: no empty text, and the same placeholders`, wrong.length === 0, wrong.join(' '));
    const same = keys.filter((key) => own[key] === english[key] && own[key].includes(' '));
    check(`${code}: sentences are translated`, code === 'en' || same.length === 0, same.join(' '));
  }
  const scripts = readdirSync(process.env.FORGE_PAGES).filter((name) => name.endsWith('.js') && !name.startsWith('text-')).map(source).join('\n').replace(/^\s*\/\/.*$/gm, '');
  const used = new Set([...scripts.matchAll(/(?<![\w.])t\('([\w.]+)'|key: '(\w+)'/g)].map((found) => found[1] ?? found[2]));
  check('each text that is used is in the tables, and each of the tables is used', [...used].sort().join() === [...keys].sort().join(),
    [...[...used].filter((key) => !(key in english)), ...keys.filter((key) => !used.has(key))].join(' '));
  pageTexts();
}
