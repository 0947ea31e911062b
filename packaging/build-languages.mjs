// SPDX-License-Identifier: Apache-2.0
// Prints mod_forge/survey/languages.def: which language a file is written in, by GitHub linguist's data as the npm package
// linguist-languages has them. Run it when a newer version of the package is wanted, and commit what it prints:
//     npm install --no-save linguist-languages@9.5.0 && node packaging/build-languages.mjs node_modules/linguist-languages
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

// linguist decides these by reading the file; a name alone goes to the language that most files of that name have.
const prefer = {
  '.as': 'ActionScript', '.asm': 'Assembly', '.bas': 'Visual Basic .NET', '.cgi': 'Perl', '.cls': 'TeX', '.cs': 'C#', '.d': 'D', '.dsp': 'Faust',
  '.e': 'Eiffel', '.ex': 'Elixir', '.f': 'Fortran', '.for': 'Fortran', '.fs': 'F#', '.gd': 'GDScript', '.gs': 'JavaScript', '.h': 'C', '.hh': 'C++',
  '.inc': 'PHP', '.jsonl': 'JSON', '.l': 'Lex', '.ls': 'LiveScript', '.lsp': 'Common Lisp', '.m': 'Objective-C', '.md': 'Markdown', '.ml': 'OCaml',
  '.mm': 'Objective-C++', '.mod': 'Modula-2', '.nl': 'NL', '.php': 'PHP', '.pl': 'Perl', '.plt': 'Gnuplot', '.pm': 'Perl', '.pp': 'Puppet', '.pro': 'Prolog',
  '.properties': 'Java Properties', '.q': 'q', '.r': 'R', '.rs': 'Rust', '.rpy': 'Python', '.s': 'Assembly', '.sc': 'Scala', '.sh': 'Shell', '.sol': 'Solidity',
  '.sql': 'SQL', '.st': 'Smalltalk', '.t': 'Perl', '.tex': 'TeX', '.toc': 'TeX', '.ts': 'TypeScript', '.tsx': 'TSX', '.txt': 'Text', '.v': 'Verilog',
  '.vue': 'Vue', '.xml': 'XML', '.y': 'Yacc', '.yaml': 'YAML', '.yml': 'YAML', '.html': 'HTML', '.json': 'JSON', '.js': 'JavaScript', '.cl': 'OpenCL',
  '.cmp': 'Gerber Image', '.fr': 'Text', '.frag': 'GLSL', '.g': 'GAP', '.hs': 'Haskell', '.lean': 'Lean', '.b': 'Brainfuck', '.al': 'AL', '.ch': 'xBase',
  '.cp': 'C++', '.ipp': 'C++', '.tpp': 'C++', '.srt': 'SubRip Text', '.stl': 'STL', '.svg': 'SVG', '.res': 'XML', '.rb': 'Ruby', '.py': 'Python', '.lua': 'Lua',
};
const quote = (text) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
const bytewise = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

const folder = resolve(process.argv[2]);
const { version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
const all = Object.values(await import(pathToFileURL(`${folder}/index.js`))).sort((a, b) => bytewise(a.name, b.name));

// Who claims a name: the language that prefer names, then the one that names it first of all, then the first by name.
function winners(member, key, preferred) {
  const claims = new Map();
  for (const language of all)
    (language[member] ?? []).forEach((name, rank) => {
      const at = key(name);
      claims.set(at, [...(claims.get(at) ?? []), { name: language.name, rank }]);
    });
  return [...claims].sort((a, b) => bytewise(a[0], b[0])).map(([name, by]) => {
    const first = [...by].sort((a, b) => Math.min(a.rank, 1) - Math.min(b.rank, 1) || bytewise(a.name, b.name))[0].name;
    return [name, by.some((one) => one.name === preferred[name]) ? preferred[name] : first];
  });
}
const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const rows = (macro, list) => list.map(([a, b]) => `${macro}(${quote(a)}, ${quote(b)})`).join('\n');

console.log(`/* SPDX-License-Identifier: Apache-2.0
 * Which language a file is written in. Made by packaging/build-languages.mjs from linguist-languages ${version}
 * (MIT, after GitHub linguist's data): do not edit. Each kind of row is sorted by bytes.
 * FORGE_LANGUAGE name, type; FORGE_EXTENSION in lower case, language; FORGE_FILENAME exact name, language;
 * FORGE_INTERPRETER of a first line "#!", language.
 */
#ifdef FORGE_LANGUAGE
${rows('FORGE_LANGUAGE', all.map((one) => [one.name, one.type]))}
#endif
#ifdef FORGE_EXTENSION
${rows('FORGE_EXTENSION', winners('extensions', lower, prefer))}
#endif
#ifdef FORGE_FILENAME
${rows('FORGE_FILENAME', winners('filenames', (name) => name, {}))}
#endif
#ifdef FORGE_INTERPRETER
${rows('FORGE_INTERPRETER', winners('interpreters', (name) => name, { perl: 'Perl', node: 'JavaScript', deno: 'TypeScript', bun: 'TypeScript', lua: 'Lua' }))}
#endif`);
