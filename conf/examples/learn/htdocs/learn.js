// SPDX-License-Identifier: Apache-2.0
// A page to learn on: courses, lessons, exercises, achievements. Everything comes from the public API; GET /docs describes it.
import { editor, help } from './editor.js';

const API = '/api/v1';
const main = document.getElementById('main');
const status = document.getElementById('status');

// --- the session ---

// Where the server sets the cookies of ForgeCookie, they are the session: no script can read the one that counts, and it survives a reload. Elsewhere
// (plain HTTP, ForgeCookie Off) the tokens stay in this variable: never in a storage that another script could read, so a reload logs out.
let tokens = null;
let me = null;
let renewing = null;

const csrf = () => /(?:^|; )__Host-forge_csrf=([^;]+)/.exec(document.cookie)?.[1];

// Takes what a login, a registration or a guest's session answers.
async function begin(answer, before) {
  const cookie = csrf() && csrf() !== before;
  tokens = cookie ? null : { access: answer.access_token, refresh: answer.refresh_token };
  me = (await get('/auth/me')).body;
  showAccount();
}

function end() {
  tokens = me = null;
  showAccount();
}

// A refresh token works once: requests that need a new access token at the same time share one refresh.
function renew() {
  renewing ??= send('POST', '/auth/refresh', { refresh_token: tokens.refresh })
    .then(({ body }) => { tokens = { access: body.access_token, refresh: body.refresh_token }; })
    .finally(() => { renewing = null; });
  return renewing;
}

// --- the API ---

// What the API refused (RFC 9457): `message` is a sentence, `errors` are the members that are wrong.
class Problem extends Error {
  constructor({ detail, title, errors = [] }, status = 0) {
    super(detail ?? title ?? `The server answered with the status ${status}.`);
    Object.assign(this, { errors, status });
  }
}

async function send(method, path, body) {
  const headers = { Accept: 'application/json' };
  if (tokens) headers.Authorization = `Bearer ${tokens.access}`;
  else if (method !== 'GET' && csrf()) headers['X-CSRF-Token'] = csrf();
  if (body) headers['Content-Type'] = 'application/json';
  if (method === 'POST' && me) headers['Idempotency-Key'] = crypto.getRandomValues(new Uint32Array(4)).join('-');
  const attempt = () => fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
  // A lost connection does not tell whether the server did the work. With the key the second attempt gets the answer of the first.
  const response = await attempt().catch(attempt).catch(() => {
    throw new Problem({ detail: 'The server cannot be reached. Is there a connection?' });
  });
  const answer = /json/.test(response.headers.get('Content-Type')) ? await response.json() : {};
  if (!response.ok) throw new Problem(answer, response.status);
  const next = /<([^>]*)>; *rel="next"/.exec(response.headers.get('Link'))?.[1];
  return { body: answer, next: next?.slice(next.indexOf(API) + API.length) };
}

// Sends a request; once more with a new access token if the old one has expired. Who is not logged in any more is asked to log in again.
async function call(method, path, body) {
  try {
    return await send(method, path, body);
  } catch (problem) {
    if (problem.status !== 401 || !me) throw problem;
    try {
      if (!tokens) throw problem;
      await renew();
    } catch {
      end();
      location.hash = `#/login?next=${encodeURIComponent(location.hash)}`;
      throw new Problem({ detail: 'Your session has ended. Please log in again.' });
    }
    return send(method, path, body);
  }
}

const get = (path) => call('GET', path);
const post = (path, body) => call('POST', path, body);

// All pages of a list that is short by its nature, such as the modules of a course.
async function all(path) {
  const rows = [];
  for (let next = path; next;) {
    const page = await get(next);
    rows.push(...page.body);
    next = page.next;
  }
  return rows;
}

// --- building blocks ---

const present = (parts) => parts.flat(Infinity).filter((part) => part !== undefined && part !== null && part !== false && part !== '');
const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

// An element. Texts become text nodes, so nothing that the API says is read as HTML.
function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...present(children));
  return element;
}

// What lessons and instructions are: HTML that the server made of Markdown in safe mode. The page's policy allows no script in it. Its headings move below
// the page's own.
function rendered(html) {
  const box = h('div', { class: 'text' });
  box.innerHTML = html;
  for (const old of box.querySelectorAll('h1, h2, h3, h4, h5')) {
    const heading = h(`h${Number(old.localName[1]) + 1}`);
    heading.append(...old.childNodes);
    old.replaceWith(heading);
  }
  for (const scrolls of box.querySelectorAll('pre, table')) scrolls.tabIndex = 0; // for those who scroll by keyboard
  return box;
}

function say(sentence) {
  status.textContent = '';
  requestAnimationFrame(() => { status.textContent = sentence; }); // the same sentence twice is read twice
}

const alertOf = (problem) => h('p', { class: 'alert', role: 'alert' }, problem.message);

// A button whose work takes a while. It keeps the focus meanwhile, so it is not disabled but deaf.
function button(text, work, attributes = {}) {
  return h('button', { type: 'button', ...attributes, onclick: (event) => busy(event.currentTarget, work) }, text);
}

async function busy(element, work) {
  if (element.getAttribute('aria-disabled') === 'true') return;
  element.setAttribute('aria-disabled', 'true');
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    element.parentElement.parentElement.querySelector(':scope > .alert')?.remove();
    element.parentElement.after(alertOf(problem));
  } finally {
    element.removeAttribute('aria-disabled');
  }
}

function bar(label, done, total) {
  return h('div', { class: 'progress' }, h('progress', { max: Math.max(total, 1), value: done, 'aria-label': label }), h('span', {}, `${done} of ${total} done`));
}

// A labelled input. `hint` may be missing.
function field(label, name, attributes = {}, hint) {
  const id = `field-${name}`;
  return h('div', { class: 'field' }, h('label', { for: id }, label), h('input', { id, name, 'aria-describedby': `${id}-note`, ...attributes }),
    h('p', { id: `${id}-note`, class: 'note' }, hint));
}

// A form that sends its fields. What the API refuses stands at the field that it names, everything else above the form.
function form(fields, submit, work) {
  const element = h('form', { novalidate: true, onsubmit: (event) => { event.preventDefault(); run(); } }, ...fields,
    h('p', { class: 'buttons' }, h('button', {}, submit)));
  async function run() {
    element.querySelector('.alert')?.remove();
    for (const input of element.querySelectorAll('[aria-invalid]')) {
      input.removeAttribute('aria-invalid');
      document.getElementById(`${input.id}-note`).textContent = '';
    }
    try {
      await work(Object.fromEntries([...new FormData(element)].filter(([, value]) => value !== '')));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      blame(problem);
    }
  }
  function blame(problem) {
    const named = problem.errors.map(({ pointer, detail }) => [element.elements[pointer.slice(1)], detail]).filter(([input]) => input);
    for (const [input, detail] of named) {
      input.setAttribute('aria-invalid', 'true');
      input.closest('[hidden]')?.removeAttribute('hidden');
      document.getElementById(`${input.id}-note`).textContent = detail;
    }
    element.prepend(alertOf(problem));
    named[0]?.[0].focus();
  }
  return element;
}

// --- who is here ---

function showAccount() {
  document.getElementById('account').replaceChildren(...(me
    ? [h('span', { class: 'name' }, me.role === 'guest' ? 'Guest' : me.username), me.role === 'guest' && h('a', { href: '#/register' }, 'Register'),
      h('button', { type: 'button', class: 'quiet', onclick: logOut }, 'Log out')].filter(Boolean)
    : [h('a', { href: '#/login' }, 'Log in'), h('a', { href: '#/register' }, 'Register')]));
}

async function logOut() {
  await send('POST', '/auth/logout').catch(() => {}); // a session that has ended already is as good
  end();
  sessionStorage.clear();
  location.hash = '#/login';
  say('You are logged out.');
}

const goOn = (query) => { location.hash = query.get('next') || '#/'; };

async function enter(path, body, query) {
  const before = csrf();
  const answer = (await send('POST', path, body)).body;
  if (answer.mfa_required) return askCode(answer.mfa_token, query);
  await begin(answer, before);
  goOn(query);
  say(`Welcome, ${me.role === 'guest' ? 'guest' : me.username}.`);
}

function askCode(mfaToken, query) {
  main.querySelector('form').replaceWith(form([field('Code of your authenticator app, or a backup code', 'code', { autocomplete: 'one-time-code' })],
    'Log in', ({ code }) => enter('/auth/mfa/verify', { mfa_token: mfaToken, code: code ?? '' }, query)));
  main.querySelector('input').focus();
}

function login(ids, query) {
  const suffix = query.get('next') ? `?next=${encodeURIComponent(query.get('next'))}` : '';
  return [h('h1', {}, 'Log in'), suffix && h('p', {}, 'Please log in to go on.'),
    form([field('E-mail address or username', 'name', { autocomplete: 'username', autocapitalize: 'off' }),
      field('Password', 'password', { type: 'password', autocomplete: 'current-password' })],
    'Log in', ({ name = '', password = '' }) => enter('/auth/login', { [name.includes('@') ? 'email' : 'username']: name, password }, query)),
    h('p', {}, 'No account yet? ', h('a', { href: `#/register${suffix}` }, 'Register'), ', or try it first:'),
    h('p', {}, button('Continue as a guest', () => enter('/auth/guest', undefined, query), { class: 'quiet' }))];
}

function register(ids, query) {
  const accept = (label, name) => h('div', { class: 'field accept', hidden: true },
    h('input', { id: `field-${name}`, name, type: 'checkbox', value: 'yes', 'aria-describedby': `field-${name}-note` }), h('label', { for: `field-${name}` }, label),
    h('p', { id: `field-${name}-note`, class: 'note' }));
  return [h('h1', {}, 'Register'), me?.role === 'guest' && h('p', {}, 'What you have done as a guest stays yours.'),
    form([field('E-mail address', 'email', { type: 'email', autocomplete: 'email' }),
      field('Username', 'username', { autocomplete: 'username', autocapitalize: 'off' }, 'May be left out: then it is made from the address.'),
      field('Password', 'password', { type: 'password', autocomplete: 'new-password' }),
      accept('I accept the terms of use.', 'accept_terms'), accept('I accept the privacy notice.', 'accept_privacy')], // shown where the server asks for them
    'Register', ({ accept_terms: terms, accept_privacy: privacy, ...rest }) =>
      enter('/auth/register', { ...rest, ...(terms && { accept_terms: true }), ...(privacy && { accept_privacy: true }) }, query)),
    h('p', {}, 'You have an account? ', h('a', { href: '#/login' }, 'Log in'))];
}

// --- courses ---

const summary = async () => (me ? (await get('/progress/summary')).body : { courses: [] });

function courseCard(course, mine) {
  return h('li', { class: 'card' }, h('h3', {}, h('a', { href: `#/courses/${course.id}` }, course.title)),
    course.difficulty && h('p', { class: 'note' }, course.difficulty), course.description && h('p', { class: 'excerpt' }, course.description),
    mine && bar(`Progress in ${course.title}`, mine.completed, mine.total));
}

async function courses(ids, query) {
  const q = query.get('q') ?? '';
  const list = h('ul', { class: 'cards' });
  const more = h('p', {});
  const [sum, first] = await Promise.all([summary(), get(`/courses?limit=12&sort=title&q=${encodeURIComponent(q)}`)]);
  const mine = new Map(sum.courses.map((course) => [course.course_id, course]));
  function show({ body, next }) {
    list.append(...body.map((course) => courseCard(course, mine.get(course.id))));
    more.replaceChildren(...(next ? [button('Show more courses', async () => {
      const from = list.children.length;
      show(await get(next));
      list.children[from]?.querySelector('a').focus();
    }, { class: 'quiet' })] : []));
  }
  show(first);
  const search = h('form', { role: 'search', class: 'search', onsubmit: (event) => {
    event.preventDefault();
    location.hash = `#/?q=${encodeURIComponent(search.elements.q.value)}`;
  } }, h('label', { for: 'q' }, 'Search'), h('input', { id: 'q', name: 'q', type: 'search', value: q }), h('button', { class: 'quiet' }, 'Search'));
  return [h('h1', {}, 'Courses'),
    me && h('p', { class: 'figures' }, h('span', {}, `${count(sum.streak_days, 'day')} in a row`),
      h('span', {}, `${count(sum.completed_exercises, 'exercise')} solved`), h('span', {}, count(sum.points, 'point'))),
    !q && mine.size > 0 && [h('h2', {}, 'Your courses'), h('ul', { class: 'cards' }, sum.courses.map((course) => courseCard({ id: course.course_id, ...course }, course)))],
    h('h2', {}, q ? `Courses with “${q}”` : 'All courses'), search, list.children.length ? list : h('p', {}, 'There is no such course.'), more];
}

// The lessons of a course in their order, and what the learner has done of them. The exercises likewise.
async function contents(id) {
  const [modules, exercises, progress] = await Promise.all([all(`/courses/${id}/modules`), all(`/exercises?course_id=${id}`), me ? all(`/progress?course_id=${id}`) : []]);
  const lessons = await Promise.all(modules.map((module) => all(`/courses/${id}/modules/${module.id}/lessons`)));
  return { modules: modules.map((module, i) => ({ ...module, lessons: lessons[i] })), exercises,
    lesson: new Map(progress.filter((row) => row.lesson_id).map((row) => [row.lesson_id, row.status])),
    exercise: new Map(progress.filter((row) => row.exercise_id).map((row) => [row.exercise_id, row.status])) };
}

function step(href, title, state) {
  const words = { completed: 'done', in_progress: 'begun' }[state] ?? 'open';
  return h('li', { class: `step ${words}` }, h('a', { href }, title), ' ', h('span', { class: 'note' }, words));
}

async function course([id]) {
  const [{ body }, sum, parts] = await Promise.all([get(`/courses/${id}`), summary(), contents(id)]);
  const mine = sum.courses.find((row) => row.course_id === body.id);
  const enrol = () => post(`/courses/${id}/enrollment`).then(() => show().then(() => say(`You are enrolled in ${body.title}.`)));
  const leave = () => call('DELETE', `/courses/${id}/enrollment`).then(() => show().then(() => say(`You have left ${body.title}.`)));
  const entry = !me ? h('a', { class: 'button', href: `#/login?next=${encodeURIComponent(location.hash)}` }, 'Log in to enrol')
    : mine ? button('Leave this course', leave, { class: 'quiet' }) : me.role !== 'guest' && button('Enrol', enrol);
  return [h('p', { class: 'crumbs' }, h('a', { href: '#/' }, 'Courses')), h('h1', {}, body.title), h('p', { class: 'note' }, body.difficulty),
    body.description && h('p', { class: 'lines' }, body.description),
    mine && bar('Progress in this course', mine.completed, mine.total), h('p', { class: 'buttons' }, entry),
    parts.modules.map((module) => h('section', {}, h('h2', {}, module.title),
      h('ol', { class: 'steps' }, module.lessons.map((lesson) => step(`#/courses/${id}/lessons/${lesson.id}`, lesson.title, parts.lesson.get(lesson.id)))))),
    parts.exercises.length > 0 && h('section', {}, h('h2', {}, 'Exercises'),
      h('ol', { class: 'steps' }, parts.exercises.map((one) => step(`#/exercises/${one.id}`, one.title, parts.exercise.get(one.id))))),
    parts.modules.length + parts.exercises.length === 0 && h('p', {}, 'This course has no lessons yet.')];
}

async function lesson([id, number]) {
  const [{ body }, { body: whole }, parts] = await Promise.all([get(`/courses/${id}/lessons/${number}?render=html`), get(`/courses/${id}`), contents(id)]);
  const flat = parts.modules.flatMap((module) => module.lessons);
  const next = flat[flat.findIndex((one) => one.id === body.id) + 1];
  const onward = next ? `#/courses/${id}/lessons/${next.id}` : `#/courses/${id}`;
  const finish = async () => {
    await post('/progress', { lesson_id: body.id, status: 'completed' });
    location.hash = onward;
    say(`${body.title} is done.`);
  };
  return [h('p', { class: 'crumbs' }, h('a', { href: '#/' }, 'Courses'), h('a', { href: `#/courses/${id}` }, whole.title)),
    h('h1', {}, body.title), rendered(body.content),
    h('p', { class: 'buttons' }, me && parts.lesson.get(body.id) !== 'completed'
      ? button(next ? 'Done, next lesson' : 'Done, back to the course', finish) : h('a', { class: 'button', href: onward }, next ? 'Next lesson' : 'Back to the course'))];
}

// --- exercises ---

const endings = { ok: 'The program ended well', runtime_error: 'The program ended with an error', timeout: 'The program was stopped: it took too long',
  memory_limit: 'The program was stopped: it used too much memory', output_limit: 'The program was stopped: it wrote too much',
  sandbox_error: 'The program could not be run' };
const output = (label, text) => text && [h('h4', {}, label), h('pre', { tabindex: 0, 'aria-label': label }, text)];

function ranView(run, expected) {
  const same = run.stdout.trimEnd() === expected?.trimEnd();
  const verdict = run.status !== 'ok' || expected === undefined ? '' : same ? ' and wrote what the test expects' : ', but wrote something else than the test expects';
  const sentence = `${endings[run.status] ?? run.status}${verdict} (${run.duration_ms} ms).`;
  say(sentence);
  return [h('p', {}, sentence), output('Output', run.stdout), output('Errors', run.stderr), run.truncated && h('p', { class: 'note' }, 'The output was cut.')];
}

function testView(test) {
  const shown = test.expected !== undefined;
  return h('li', { class: test.passed ? 'good' : 'bad' }, h('h4', {}, `${test.name}: ${test.passed ? 'passed' : 'failed'}`),
    !test.passed && !shown && h('p', { class: 'note' }, 'What this test expects is hidden.'),
    !test.passed && shown && h('div', { class: 'pair' }, h('div', {}, output('Expected', test.expected)), h('div', {}, output('Your output', test.stdout || '(nothing)'))));
}

function resultView(result, news, course) {
  const passed = result.results.filter((test) => test.passed).length;
  const sentence = `${result.passed ? 'Solved!' : 'Not yet.'} ${passed} of ${count(result.results.length, 'test')} passed, score ${result.score}%.`;
  const awards = news.map((one) => `${one.icon ?? '🏅'} New achievement: ${one.name}`);
  say([sentence, ...awards].join(' '));
  return [h('p', { class: result.passed ? 'good verdict' : 'bad verdict' }, sentence), awards.map((award) => h('p', { class: 'award' }, award)),
    h('ul', { class: 'results' }, result.results.map(testView)),
    result.passed && course && h('p', { class: 'buttons' }, h('a', { class: 'button', href: `#/courses/${course}` }, 'Go on with the course'))];
}

const earned = async () => (await get(`/users/${me.id}/achievements`)).body;

async function exercise([id]) {
  const { body } = await get(`/exercises/${id}?render=html`);
  const whole = body.course_id ? (await get(`/courses/${body.course_id}`)).body : undefined;
  const draft = `code of ${id}`; // survives a reload, and ends with the tab or a logout
  const tests = body.tests.filter((test) => !test.hidden);
  const results = h('div', { id: 'results' });
  const place = h('div', { class: 'editor' });

  // The program runs with the input of a visible test, or with what the learner types.
  const own = h('textarea', { id: 'own', rows: 3, spellcheck: 'false' });
  const typed = h('div', { class: 'field', hidden: tests.length > 0 }, h('label', { for: 'own' }, 'Input of the program'), own);
  const choice = h('select', { id: 'test', onchange: () => { typed.hidden = choice.value !== ''; } },
    tests.map((test, i) => h('option', { value: i }, `the input of “${test.name}”`)), h('option', { value: '' }, 'input of my own'));

  function show(title, parts) {
    results.replaceChildren(h('h3', {}, title), ...present(parts));
    results.scrollIntoView({ block: 'nearest' });
  }
  async function run() {
    if (!me) throw new Problem({ detail: 'Please log in, or continue as a guest, to run code.' });
    say('The program runs.');
    const test = tests[choice.value];
    const answer = await post('/execute', { language: body.language, code: code.text, stdin: test ? test.stdin : own.value });
    show('Run', ranView(answer.body, test?.expected_stdout));
  }
  async function submit() {
    if (!me) throw new Problem({ detail: 'Please log in, or continue as a guest, to submit code.' });
    say('The tests run.');
    const before = new Set((await earned()).map((one) => one.id));
    const answer = await post(`/exercises/${id}/submissions`, { code: code.text });
    const news = (await earned()).filter((one) => !before.has(one.id));
    show('Results', resultView(answer.body, news, body.course_id));
  }
  const runButton = button('Run', run, { class: 'quiet', 'aria-keyshortcuts': 'Control+Enter' });
  const code = editor(place, { text: sessionStorage.getItem(draft) ?? body.starter_code ?? '', label: 'Your code', language: body.language,
    onchange: (text) => sessionStorage.setItem(draft, text), onrun: () => busy(runButton, run) });
  const again = () => { code.text = body.starter_code ?? ''; code.focus(); };
  return [h('p', { class: 'crumbs' }, h('a', { href: '#/' }, 'Courses'), whole && h('a', { href: `#/courses/${whole.id}` }, whole.title)),
    h('h1', {}, body.title),
    h('div', { class: 'columns' },
      h('section', { 'aria-labelledby': 'task' }, h('h2', { id: 'task' }, 'Task'), rendered(body.instructions),
        tests.length > 0 && h('details', { open: tests.length < 4 }, h('summary', {}, `Tests that are shown: ${tests.length}`),
          tests.map((test) => [h('h3', {}, test.name), output('Input', test.stdin), output('Expected output', test.expected_stdout)]))),
      h('section', { 'aria-labelledby': 'solve' }, h('h2', { id: 'solve' }, 'Your solution'), place, h('p', { class: 'note keys' }, help),
        h('div', { class: 'field inline' }, h('label', { for: 'test' }, 'Run with'), choice), typed,
        h('p', { class: 'buttons' }, runButton, button('Submit', submit), button('Start over', again, { class: 'quiet' })), results))];
}

// --- achievements ---

async function achievements() {
  const [list, mine] = await Promise.all([all('/achievements'), me ? earned() : []]);
  const when = new Map(mine.map((one) => [one.id, one.awarded_at]));
  list.sort((a, b) => when.has(b.id) - when.has(a.id));
  return [h('h1', {}, 'Achievements'), me && h('p', {}, `You have ${when.size} of ${list.length}.`), h('ul', { class: 'cards' }, list.map((one) => h('li', { class: when.has(one.id) ? 'card good' : 'card' },
    h('h2', {}, h('span', { 'aria-hidden': 'true' }, one.icon ?? '🏅'), ` ${one.name}`), one.description && h('p', {}, one.description),
    h('p', { class: 'note' }, `${count(one.points, 'point')}${when.has(one.id) ? `, yours since ${new Date(when.get(one.id)).toLocaleDateString()}` : ''}`))))];
}

// --- the way to a view ---

const views = [[/^$/, courses], [/^login$/, login], [/^register$/, register], [/^achievements$/, achievements], [/^courses\/(\d+)$/, course],
  [/^courses\/(\d+)\/lessons\/(\d+)$/, lesson], [/^exercises\/(\d+)$/, exercise]];
let turn = 0;

// Shows the view that the address names, and puts the focus on its heading, so that keyboard and screen reader start there.
async function show() {
  const mine = ++turn;
  const [path, query] = location.hash.replace(/^#?\/?/, '').split('?');
  const [pattern, view] = views.find(([known]) => known.test(path)) ?? [];
  main.setAttribute('aria-busy', 'true');
  let parts;
  try {
    if (!view) throw new Problem({ detail: 'There is no such page.' });
    parts = await view(pattern.exec(path).slice(1), new URLSearchParams(query));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    parts = [h('h1', {}, 'That did not work'), alertOf(problem), h('p', {}, h('a', { href: '#/' }, 'Back to the courses'))];
  }
  if (mine !== turn) return; // another view was asked for meanwhile
  main.removeAttribute('aria-busy');
  main.replaceChildren(...present(parts));
  const heading = main.querySelector('h1');
  document.title = `${heading.textContent} · Learn`;
  if (mine === 1) return; // the page has just been opened: the reader begins at its top
  heading.tabIndex = -1;
  heading.focus();
  window.scrollTo(0, 0);
}

document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', show);
if (csrf()) me = (await send('GET', '/auth/me').catch(() => ({ body: null }))).body;
showAccount();
await show();
