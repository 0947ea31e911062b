// SPDX-License-Identifier: Apache-2.0
// Documents: files are uploaded, analysed and asked about, repositories too. An answer says on which page it stands.
import { Problem, alertOf, all, button, call, count, field, form, get, h, me, open, post, present, say, sentence, upload } from './shared.js';

// --- in plain words ---

const size = (bytes) => (bytes < 1024 ? count(bytes, 'byte') : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`);
const number = (n) => n.toLocaleString('en');
const day = (time) => new Date(time).toLocaleDateString();

function languageName(code) {
  try {
    return new Intl.DisplayNames(['en'], { type: 'language' }).of(code);
  } catch {
    return code;
  }
}

const refusals = {
  quota_exceeded: 'There is no room left: your account may store only so much. Delete a file that you do not need any more.',
  body_too_large: 'The file is larger than this server takes.',
  unsupported_media_type: 'This is not a PDF file. Only PDF files can be uploaded.',
};

function refused(problem) {
  if (!(problem instanceof Problem)) throw problem;
  const often = problem.status === 429 && `You have done this often in a short time. Please try again in ${count(Math.ceil((problem.wait || 60) / 60), 'minute')}.`;
  const words = often || refusals[problem.code];
  if (words) throw new Problem({ detail: words }, problem.status);
  throw problem;
}

const stages = { reading: 'The file is read', inspecting: 'The file is looked at', extracting: 'Its text is taken out', recognising: 'Scanned pages are read',
  analysing: 'Its key terms are looked for', copying: 'An earlier analysis of the same file is used', fetching: 'The repository is fetched',
  indexing: 'Its text is made ready for questions' };
const stageOf = ({ status, stage }) => (status === 'queued' ? 'It waits for its turn' : stages[stage] ?? 'It is worked on');

// What can be done about a failed analysis.
const advice = { pdf_encrypted: 'Save a copy without a password, and upload that.', pdf_broken: 'Save it again with the program that made it, and upload that.',
  pdf_scanned: 'It consists of pictures of text. A copy that was made with text recognition (OCR) can be analysed.',
  pdf_empty: 'There is nothing in it that could be analysed.', too_complex: 'A part of it may be small enough.',
  quota_exceeded: 'Delete a file or an analysis that you do not need any more.', sandbox_unavailable: 'Please try again later.' };

const over = ({ status }) => !['queued', 'running'].includes(status);
const words = { queued: 'waits for its analysis', running: 'is being analysed', done: 'analysed', failed: 'could not be analysed', cancelled: 'analysis stopped' };

// --- building blocks ---

// Asks before something is lost. The answer: whether to go on. It is given at the moment at which the dialog goes, not with the event "close", which comes
// later: in between the button that asked would be deaf although it has the focus again.
function confirmed(question, text, yes, no) {
  return new Promise((resolve) => {
    const end = (event, answer) => {
      event.preventDefault();
      box.close();
      box.remove();
      resolve(answer);
    };
    const box = h('dialog', { 'aria-labelledby': 'sure', oncancel: (event) => end(event, false), onclose: (event) => end(event, false) },
      h('h2', { id: 'sure' }, question), h('p', {}, text),
      h('form', { method: 'dialog', class: 'buttons', onsubmit: (event) => end(event, event.submitter.value === 'yes') },
        h('button', { class: 'quiet', value: 'no' }, no), h('button', { value: 'yes', class: 'danger' }, yes)));
    document.getElementById('main').append(box);
    box.showModal();
  });
}

// A progress bar with its sentence. set() may be called often.
function meter(label) {
  const bar = h('progress', { max: 100, value: 0, 'aria-label': label });
  const text = h('span', {});
  return { element: h('div', { class: 'progress' }, bar, text),
    set(percent, words) {
      bar.value = percent;
      text.textContent = `${words}: ${Math.round(percent)}%`;
    } };
}

// Buttons of the same text on several cards, told apart for those who do not see the cards.
function named(element, verb, of) {
  element.setAttribute('aria-label', `${verb}: ${of}`);
  return element;
}

const figures = (rows) => h('dl', { class: 'facts' }, rows.filter(([, value]) => value).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));

const outlineOf = (rows) => h('ul', { class: 'outline' },
  rows.map((row) => h('li', { class: `level-${Math.min(row.level, 4)}` }, row.title, row.page && h('span', { class: 'note' }, ` page ${row.page}`))));

const leaving = () => {
  const left = new AbortController();
  window.addEventListener('hashchange', () => left.abort(), { once: true });
  return left.signal;
};

// --- files ---

async function download(file) {
  const blob = await (await open(`/files/${file.id}/content`, 'application/pdf')).blob();
  const address = URL.createObjectURL(blob);
  h('a', { href: address, download: file.filename }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function analyse(path, body) {
  const { body: session } = await post(path, body).catch(refused);
  location.hash = `#/documents/${session.id}`;
}

function fileCard(file, session, changed) {
  const address = session && `#/documents/${session.id}`;
  const remove = async () => {
    const text = `${file.filename}, its analyses and the questions about it are deleted. This cannot be undone.`;
    if (!await confirmed('Delete this file?', text, 'Delete', 'Keep it')) return;
    await call('DELETE', `/files/${file.id}`);
    await changed(`${file.filename} is deleted.`, 'files');
  };
  const main = session && session.status !== 'failed' && session.status !== 'cancelled'
    ? h('a', { class: 'button', href: address, id: `file-${file.id}` }, over(session) ? 'Ask' : 'Watch')
    : button('Analyse', () => analyse('/analysis/pdf', { file_id: file.id }), { id: `file-${file.id}` });
  return h('li', { class: 'card' }, h('h3', {}, session ? h('a', { href: address }, file.filename) : file.filename),
    h('p', { class: 'note' }, [size(file.size), file.pages && count(file.pages, 'page'), `uploaded ${day(file.created_at)}`, session && words[session.status]]
      .filter(Boolean).join(' · ')),
    h('p', { class: 'buttons' }, named(main, main.textContent, file.filename),
      named(button('Download', () => download(file), { class: 'quiet' }), 'Download', file.filename),
      named(button('Delete', remove, { class: 'quiet' }), 'Delete', file.filename)));
}

function uploadForm(changed) {
  const bar = meter('Upload');
  bar.element.hidden = true;
  const input = field('PDF file', 'file', { type: 'file', accept: 'application/pdf,.pdf' }, 'Nobody sees it but you and administrators.');
  return h('div', {}, form([input], 'Upload', async ({ file }) => {
    if (!file?.name) throw new Problem({ errors: [{ pointer: '/file', detail: 'choose a file first' }] });
    const data = new FormData();
    data.append('file', file.type ? file : new File([file], file.name, { type: 'application/pdf' }));
    bar.element.hidden = false;
    bar.set(0, `Sending ${file.name}`);
    say(`Sending ${file.name}.`);
    try {
      const { body, status } = await upload('/files/upload', data, (share) => bar.set(100 * share, `Sending ${file.name}`), leaving()).catch(refused);
      await changed(status === 201 ? `${body.filename} is uploaded.` : `You have uploaded this file before, as ${body.filename}.`, `file-${body.id}`);
    } finally {
      bar.element.hidden = true;
    }
  }), bar.element);
}

// --- repositories ---

const nameOf = (session) => `${session.url.replace(/^https:\/\//, '')}${session.ref ? ` (${session.ref})` : ''}`;

function repositoryCard(session, changed) {
  const name = nameOf(session);
  const remove = async () => {
    if (!await confirmed('Delete this analysis?', `What was found in ${name} and the questions about it are deleted.`, 'Delete', 'Keep it')) return;
    await call('DELETE', `/analysis/sessions/${session.id}`);
    await changed(`The analysis of ${name} is deleted.`, 'repositories');
  };
  return h('li', { class: 'card' }, h('h3', {}, h('a', { href: `#/documents/${session.id}` }, name)),
    h('p', { class: 'note' }, `${words[session.status]} · ${day(session.created_at)}`),
    h('p', { class: 'buttons' }, named(button('Delete', remove, { class: 'quiet' }), 'Delete', name)));
}

const repositoryForm = () => form([
  field('Address of the repository', 'url', { type: 'url', placeholder: 'https://github.com/owner/name', autocapitalize: 'off', spellcheck: 'false' }),
  field('Branch or tag', 'ref', { autocapitalize: 'off', spellcheck: 'false' }, 'May be left out.')], 'Analyse repository',
(values) => analyse('/analysis/github', { url: values.url ?? '', ...(values.ref && { ref: values.ref }) }));

// --- the list ---

// Who has no account sees what it is for.
function stranger(title) {
  const way = (to, text, style) => h('a', { class: style, href: `#/${to}?next=${encodeURIComponent(location.hash)}` }, text);
  return [h('h1', {}, title), h('p', {}, 'Upload a PDF, have it analysed, and ask about it. Each answer says on which page it stands.'),
    h('p', { class: 'buttons' }, me ? way('register', 'Register to upload', 'button') : way('login', 'Log in to upload', 'button'))];
}

export async function documents() {
  if (!me || me.role === 'guest') return stranger('Documents');
  const files = h('div', {});
  const repositories = h('div', {});
  async function fill() {
    const [rows, sessions] = await Promise.all([all('/files'), all('/analysis/sessions')]);
    const latest = (file) => sessions.find((session) => session.file_id === file.id);
    const fetched = sessions.filter((session) => session.kind === 'github');
    rows.sort((a, b) => b.id - a.id);
    files.replaceChildren(rows.length > 0 ? h('ul', { class: 'cards' }, rows.map((file) => fileCard(file, latest(file), changed)))
      : h('p', {}, 'There is no file yet.'));
    repositories.replaceChildren(...present([fetched.length > 0 && h('ul', { class: 'cards' }, fetched.map((one) => repositoryCard(one, changed)))]));
  }
  // After an upload the focus is where it goes on, after a deletion where the list begins.
  async function changed(words, place) {
    await fill();
    document.getElementById(place).focus();
    say(words);
  }
  await fill();
  return [h('h1', {}, 'Documents'), h('p', {}, 'Upload a PDF, have it analysed, and ask about it. Each answer says on which page it stands.'),
    uploadForm(changed), h('h2', { id: 'files', tabindex: -1 }, 'Your files'), files, h('h2', { id: 'repositories', tabindex: -1 }, 'Repositories'),
    h('p', {}, 'What is a project written in, what does it depend on, and where does it say what? The address is that of a public Git repository.'),
    repositories, repositoryForm()];
}

// --- watching ---

// The events of a stream (WHATWG HTML 9.2), as far as this server writes them: their data.
async function* eventsOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const blocks = (text + read.value).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim());
      if (data.length > 0) yield JSON.parse(data.join('\n'));
    }
  }
}

// Tells each state of an analysis until its end. EventSource cannot send a token, so the stream is read here. Where there can be none (too many are
// open, something between breaks it), the server is asked again every two seconds.
async function follow(id, tell, left) {
  for (let streams = true; !left.aborted;) {
    try {
      const response = streams && await open(`/analysis/sessions/${id}/events`, 'text/event-stream', left);
      for await (const state of streams ? eventsOf(response.body) : []) {
        tell(state);
        if (!state.status || over(state)) return;
      }
    } catch (problem) {
      if (left.aborted) return;
      streams = !(problem instanceof Problem); // one that was refused is not asked for again, one that broke off is
    }
    if (left.aborted) return;
    const { body } = await get(`/analysis/sessions/${id}`);
    tell(body);
    if (over(body)) return;
    await new Promise((resolve) => { setTimeout(resolve, 2000); });
  }
}

// --- what was found ---

// The picture is drawn, because a token opens it and the page's policy shows pictures by address only.
async function thumbnail(place, id, title) {
  try {
    const bitmap = await createImageBitmap(await (await open(`/analysis/sessions/${id}/thumbnail`, 'image/png')).blob());
    const canvas = h('canvas', { width: bitmap.width, height: bitmap.height, role: 'img', 'aria-label': `First page of ${title}` });
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    place.append(canvas);
  } catch (problem) {
    place.remove(); // it is no more than an ornament
    if (!(problem instanceof Problem)) throw problem;
  }
}

function documentResult(session, title) {
  const found = session.result;
  const picture = h('div', { class: 'picture' });
  if (found.thumbnail) thumbnail(picture, session.id, title);
  return [h('div', { class: 'found' }, found.thumbnail && picture, h('div', {},
    figures([['Title', found.title], ['Author', found.author], ['Pages', number(found.page_count)], ['Words', number(found.word_count)],
      ['Reading time', count(found.reading_minutes, 'minute')], ['Language', found.language && languageName(found.language)],
      ['Pages without text', found.pages_without_text && number(found.pages_without_text)],
      ['Scanned pages that were read', found.pages_recognised && number(found.pages_recognised)]]),
    found.key_terms.length > 0 && [h('h3', {}, 'Key terms'), h('ul', { class: 'terms' }, found.key_terms.map((term) =>
      h('li', {}, term.term, h('span', { class: 'note' }, ` page ${term.page}`))))])),
  found.summary && [h('h3', {}, 'Summary'), h('p', { class: 'lines' }, found.summary)],
  found.outline.length > 0 && h('details', { open: found.outline.length <= 12 }, h('summary', {}, 'Outline'), outlineOf(found.outline))];
}

// How much of a repository each language is, as a bar and in words.
function languagesBar(languages) {
  const shares = languages.filter((language) => language.percent > 0);
  const bar = h('div', { class: 'languages', 'aria-hidden': 'true' });
  shares.forEach((language, i) => {
    const part = h('span', { class: `share-${Math.min(i, 6)}` });
    part.style.flexGrow = language.percent;
    bar.append(part);
  });
  return [bar, h('ul', { class: 'legend' }, shares.map((language, i) => h('li', { class: `share-${Math.min(i, 6)}` },
    `${language.name} ${language.percent}%`, h('span', { class: 'note' }, ` ${number(language.lines)} lines`))))];
}

const table = (label, heads, rows) => h('div', { class: 'scrolls', tabindex: 0, role: 'group', 'aria-label': label }, h('table', {},
  h('thead', {}, h('tr', {}, heads.map((head) => h('th', { scope: 'col' }, head)))),
  h('tbody', {}, rows.map((row) => h('tr', {}, row.map((cell) => h('td', {}, cell ?? '')))))));

const manifestView = (one) => h('details', {}, h('summary', {}, `${one.path}: ${count(one.dependencies.length, 'dependency', 'dependencies')}${one.license ? `, ${one.license}` : ''}`),
  one.dependencies.length > 0 && table(`Dependencies in ${one.path}`, ['Name', 'Version', 'For', 'Licence'],
    one.dependencies.map((need) => [need.name, need.version, need.scope, need.license])));

function repositoryResult({ result: found }) {
  const { history = {}, licenses = [], manifests = [], ci = [], readme, tests = {} } = found;
  const complex = found.most_complex_files ?? [];
  const known = [...new Set(licenses.map((one) => one.spdx))].filter((spdx) => spdx !== 'NOASSERTION');
  const systems = [...new Set(ci.map((one) => one.system))].join(', ');
  return [figures([['Files', number(found.files)], ['Lines', number(found.lines)],
    ['Licence', known.join(', ') || (licenses.length > 0 ? 'not recognised' : 'none found')],
    ['Commits', history.commits && `${number(history.commits)}${history.cut ? ' or more' : ''}`], ['Last commit', history.last_at && day(history.last_at)],
    ['Tests', tests.present ? count(tests.files, 'file') : 'none found'], ['Continuous integration', systems || 'none found']]),
  found.languages?.length > 0 && [h('h3', {}, 'Languages'), languagesBar(found.languages)],
  found.review && [h('h3', {}, 'Review'), h('p', { class: 'lines' }, found.review)],
  manifests.length > 0 && [h('h3', {}, 'Dependencies'), manifests.map(manifestView)],
  complex.length > 0 && h('details', {}, h('summary', {}, 'Most complex files'),
    table('Most complex files', ['File', 'Complexity', 'Lines'], complex.map((one) => [one.path, one.complexity, number(one.lines)]))),
  readme?.outline?.length > 0 && h('details', {}, h('summary', {}, 'What the README is about'), outlineOf(readme.outline))];
}

// --- questions ---

const NO_ANSWER = 'No answer: too little about this was found in it.';

// Where an answer stands. The text of the page can be read in full where the result has it.
function sourceView(source, pages) {
  const page = source.page && pages?.[source.page - 1]?.text;
  return h('li', {}, h('strong', {}, source.page ? `Page ${source.page}` : source.path), h('blockquote', {}, source.excerpt),
    page && h('details', {}, h('summary', {}, `All of page ${source.page}`), h('p', { class: 'lines' }, page)));
}

function answerView(question, answer, pages) {
  const model = answer.model === 'extractive' ? '' : `Written by ${answer.model} from the passages below.`;
  return h('li', { class: 'card' }, h('h3', {}, question), answer.answered ? h('p', { class: 'lines' }, answer.answer) : h('p', {}, NO_ANSWER),
    answer.degraded && h('p', { class: 'note' }, 'The language model could not be used: these are sentences of the text itself.'),
    answer.answered && !answer.degraded && model && h('p', { class: 'note' }, model),
    answer.sources.length > 0 && [h('h4', {}, 'Where it stands'), h('ol', { class: 'sources' }, answer.sources.map((source) => sourceView(source, pages)))]);
}

const spoken = (answer) => (answer.answered
  ? `${answer.answer} ${answer.sources.map((source) => (source.page ? `Page ${source.page}.` : `${source.path}.`)).join(' ')}`
  : NO_ANSWER);

async function questions(session) {
  const { pages } = session.result;
  const list = h('ul', { class: 'answers' });
  const before = await all(`/analysis/sessions/${session.id}/messages`);
  const asking = form([field('Your question', 'question', { autocomplete: 'off', maxlength: 1000 })], 'Ask', async ({ question = '' }) => {
    say('The answer is looked for.');
    const { body } = await post('/analysis/qa', { session_id: session.id, question }).catch(refused);
    list.prepend(answerView(question, body, pages));
    asking.reset();
    say(spoken(body));
  });
  return h('section', { 'aria-labelledby': 'ask' }, h('h2', { id: 'ask', tabindex: -1 }, 'Ask about it'), asking, list,
    before.length > 0 && h('details', {}, h('summary', {}, `Earlier questions: ${before.length}`),
      h('ul', { class: 'answers' }, before.reverse().map((one) => answerView(one.question, one, pages)))));
}

// --- one analysis ---

function failedView(session) {
  const { error, status } = session;
  const text = status === 'cancelled' ? 'The analysis was stopped.' : sentence(error?.detail ?? 'the analysis failed');
  const again = session.kind === 'pdf' ? () => analyse('/analysis/pdf', { file_id: session.file_id })
    : () => analyse('/analysis/github', { url: session.url, ...(session.ref && { ref: session.ref }) });
  return [alertOf(text), advice[error?.code] && h('p', {}, advice[error.code]), h('p', { class: 'buttons' }, button('Analyse again', again, { class: 'quiet' }))];
}

async function doneView(session, title) {
  const asking = me.role === 'guest' ? null : await questions(session);
  return h('div', { class: asking ? 'columns asked' : '' }, asking, h('section', { 'aria-labelledby': 'found' }, h('h2', { id: 'found' }, 'What was found'),
    session.kind === 'pdf' ? documentResult(session, title) : repositoryResult(session)));
}

// The view of an analysis that goes on. At its end the result takes its place.
function runningView(session, title, ended) {
  const bar = meter(`Analysis of ${title}`);
  let stage = '';
  const tell = (state) => {
    if (!state.status || over(state)) return;
    if (stageOf(state) !== stage) say(`${stageOf(state)}.`);
    stage = stageOf(state);
    bar.set(state.progress, stage);
  };
  const stop = async () => {
    if (!await confirmed('Stop the analysis?', 'What was done so far is lost. The file stays.', 'Stop it', 'Go on')) return;
    await call('DELETE', `/analysis/sessions/${session.id}`);
    location.hash = '#/documents';
    say('The analysis is stopped.');
  };
  bar.set(session.progress, stage = stageOf(session));
  const box = h('section', { 'aria-labelledby': 'going' }, h('h2', { id: 'going' }, 'Analysis'), bar.element,
    h('p', { class: 'buttons' }, button('Stop', stop, { class: 'quiet' })));
  const left = leaving();
  follow(session.id, tell, left).then(() => !left.aborted && ended(box))
    .catch((problem) => !left.aborted && box.append(alertOf(problem.message)));
  return box;
}

const ends = { done: 'The analysis is done.', failed: 'The analysis failed.', cancelled: 'The analysis was stopped.' };

export async function analysis(id) {
  if (!me) return stranger('Documents');
  const { body: session } = await get(`/analysis/sessions/${id}`);
  const title = session.kind === 'pdf' ? (await get(`/files/${session.file_id}`)).body.filename : nameOf(session);
  const view = (one) => (one.status === 'done' ? doneView(one, title) : failedView(one));
  const ended = async (box) => {
    const { body } = await get(`/analysis/sessions/${id}`);
    const parts = present([await view(body)]);
    const focused = box.contains(document.activeElement);
    box.replaceWith(...parts);
    if (focused) document.getElementById('ask')?.focus();
    say(ends[body.status]);
  };
  return [h('nav', { class: 'crumbs', 'aria-label': 'Where you are' }, h('a', { href: '#/documents' }, 'Documents')), h('h1', {}, title),
    over(session) ? await view(session) : runningView(session, title, ended)];
}
