// SPDX-License-Identifier: Apache-2.0
// A page to learn on: courses, lessons, exercises, achievements. Everything comes from the public API; GET /docs describes it.

const API = '/api/v1';
const main = document.getElementById('main');
const status = document.getElementById('status');

// --- the session ---

// Where the server sets the cookies of ForgeCookie, they are the session: no script can read the one that counts, and it survives a reload.
// Elsewhere (plain HTTP, ForgeCookie Off) the tokens stay in this variable: never in a storage that another script could read, so a reload logs out.
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

// Whether there is a new access token. A refresh token works once: requests that need one at the same time share a refresh. A cookie needs none,
// because the server renews it.
async function renewed() {
  if (!tokens) return false;
  renewing ??= send('POST', '/auth/refresh', { refresh_token: tokens.refresh }).finally(() => { renewing = null; });
  try {
    const { body } = await renewing;
    tokens = { access: body.access_token, refresh: body.refresh_token };
    return true;
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    return false;
  }
}

// --- the API ---

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

// What the API refused (RFC 9457). `message` is a sentence, `errors` are the members that are wrong.
class Problem extends Error {
  constructor({ detail, title, errors = [] }, status = 0) {
    super(sentence(detail ?? title ?? `the server answered with the status ${status}`));
    Object.assign(this, { errors, status });
  }

  // All of it, or only what `errors` tell.
  text(errors = this.errors) {
    return [this.message, ...errors.map(({ pointer, detail }) => sentence(`${pointer.slice(1)}: ${detail}`))].join(' ');
  }
}

async function send(method, path, body) {
  const headers = { Accept: 'application/json' };
  if (tokens && path !== '/auth/refresh') headers.Authorization = `Bearer ${tokens.access}`;
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

// Sends a request, and once more when the access token had to be renewed. Whose session has ended is asked to log in.
async function call(method, path, body) {
  try {
    return await send(method, path, body);
  } catch (problem) {
    if (problem.status !== 401 || !me) throw problem;
  }
  if (await renewed()) return send(method, path, body);
  if (me) { // the first of several requests that find it out
    end();
    location.hash = `#/login?next=${encodeURIComponent(location.hash)}`;
  }
  throw new Problem({ detail: 'Your session has ended. Please log in again.' });
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

// Text of a lesson or an exercise: HTML that the server made of Markdown, without the author's own HTML. The page's policy allows no script in it.
// Its headings move below those of the page.
function rendered(html, below) {
  const box = h('div', { class: 'text' });
  box.innerHTML = html;
  for (const old of box.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const heading = h(`h${Math.min(Number(old.localName[1]) + below, 6)}`);
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

const alertOf = (text) => h('p', { class: 'alert', role: 'alert' }, text);

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
    element.parentElement.after(alertOf(problem.text()));
  } finally {
    element.removeAttribute('aria-disabled');
  }
}

function bar(label, done, total) {
  return h('div', { class: 'progress' }, h('progress', { max: Math.max(total, 1), value: done, 'aria-label': label }),
    h('span', {}, `${done} of ${total} done`));
}

// A labelled input. `hint` may be missing.
function field(label, name, attributes = {}, hint) {
  const id = `field-${name}`;
  return h('div', { class: 'field' }, h('label', { for: id }, label), h('input', { id, name, 'aria-describedby': `${id}-note`, ...attributes }),
    h('p', { id: `${id}-note`, class: 'note', 'data-hint': hint }, hint));
}

// A form that sends its fields. What the API refuses stands at the field that it names, everything else above the form.
function form(fields, submit, work) {
  const element = h('form', { novalidate: true, onsubmit: (event) => { event.preventDefault(); if (!sending) run(); } }, ...fields,
    h('p', { class: 'buttons' }, h('button', {}, submit)));
  let sending = false;
  async function run() {
    sending = true;
    element.querySelector('.alert')?.remove();
    for (const input of element.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
    for (const note of element.querySelectorAll('.note')) note.textContent = note.dataset.hint ?? '';
    try {
      await work(Object.fromEntries([...new FormData(element)].filter(([, value]) => value !== '')));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      blame(problem);
    } finally {
      sending = false;
    }
  }
  function blame(problem) {
    const fieldOf = ({ pointer }) => element.elements[pointer.slice(1)];
    const named = problem.errors.filter(fieldOf);
    for (const error of named) {
      const input = fieldOf(error);
      input.setAttribute('aria-invalid', 'true');
      input.closest('[hidden]')?.removeAttribute('hidden');
      document.getElementById(`${input.id}-note`).append(`${sentence(error.detail)} `);
    }
    element.prepend(alertOf(named.length > 0 ? 'Please look at the fields that are marked.' : problem.text()));
    if (named.length > 0) fieldOf(named[0]).focus();
  }
  return element;
}

// --- who is here ---

function showAccount() {
  const guest = me?.role === 'guest';
  document.getElementById('account').replaceChildren(...present([
    me ? h('span', { class: 'name' }, guest ? 'Guest' : me.username) : h('a', { href: '#/login' }, 'Log in'),
    (!me || guest) && h('a', { href: '#/register' }, 'Register'),
    me && h('button', { type: 'button', class: 'quiet', onclick: logOut }, 'Log out')]));
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
  if (me) await get('/auth/me'); // a guest who registers needs a token that is still good
  const before = csrf();
  const answer = (await send('POST', path, body)).body;
  if (answer.mfa_required) return askCode(answer.mfa_token, query);
  await begin(answer, before);
  goOn(query);
  say(`Welcome, ${me.role === 'guest' ? 'guest' : me.username}.`);
}

function askCode(mfaToken, query) {
  const code = field('Code of your authenticator app, or a backup code', 'code', { autocomplete: 'one-time-code' });
  main.querySelector('form').replaceWith(form([code], 'Log in',
    (values) => enter('/auth/mfa/verify', { mfa_token: mfaToken, code: values.code ?? '' }, query)));
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

// The boxes are shown where the server asks for them (ForgeTermsRequired).
function register(ids, query) {
  const accept = (label, name) => h('div', { class: 'field accept', hidden: true },
    h('input', { id: `field-${name}`, name, type: 'checkbox', value: 'yes', 'aria-describedby': `field-${name}-note` }),
    h('label', { for: `field-${name}` }, label), h('p', { id: `field-${name}-note`, class: 'note' }));
  const fields = [field('E-mail address', 'email', { type: 'email', autocomplete: 'email' }),
    field('Username', 'username', { autocomplete: 'username', autocapitalize: 'off' }, 'May be left out: then it is made from the address.'),
    field('Password', 'password', { type: 'password', autocomplete: 'new-password' }),
    accept('I accept the terms of use.', 'accept_terms'), accept('I accept the privacy notice.', 'accept_privacy')];
  return [h('h1', {}, 'Register'), me?.role === 'guest' && h('p', {}, 'What you have done as a guest stays yours.'),
    form(fields, 'Register', ({ accept_terms: terms, accept_privacy: privacy, ...rest }) =>
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
    !q && mine.size > 0 && [h('h2', {}, 'Your courses'),
      h('ul', { class: 'cards' }, sum.courses.map((course) => courseCard({ id: course.course_id, title: course.title }, course)))],
    h('h2', {}, q ? `Courses with “${q}”` : 'All courses'), search,
    list.children.length ? list : h('p', {}, 'There is no such course.'), more];
}

// The modules of a course with their lessons, its exercises, and how far the learner is with each: state.get('lesson 31').
async function contents(id) {
  const [modules, exercises, progress] = await Promise.all([all(`/courses/${id}/modules`), all(`/exercises?course_id=${id}`),
    me ? all(`/progress?course_id=${id}`) : []]);
  const lessons = await Promise.all(modules.map((module) => all(`/courses/${id}/modules/${module.id}/lessons`)));
  return { modules: modules.map((module, i) => ({ ...module, lessons: lessons[i] })), exercises,
    state: new Map(progress.map((row) => [row.lesson_id ? `lesson ${row.lesson_id}` : `exercise ${row.exercise_id}`, row.status])) };
}

// A lesson or an exercise in a list. What the learner may not open has no address.
function step(title, state, href) {
  const word = { completed: 'done', in_progress: 'begun' }[state] ?? 'open';
  return h('li', { class: `step ${word}` }, href ? h('a', { href }, title) : h('span', {}, title), ' ', h('span', { class: 'note' }, word));
}

const crumbs = (whole) => h('nav', { class: 'crumbs', 'aria-label': 'Where you are' }, h('a', { href: '#/' }, 'Courses'),
  whole && h('a', { href: `#/courses/${whole.id}` }, whole.title));

async function course([id]) {
  const enrolled = me && me.role !== 'guest' ? get(`/courses/${id}/progress`) : { body: [] }; // one row, or none; an instructor gets all students
  const [{ body }, before, { modules, exercises, state }, rows] = await Promise.all([get(`/courses/${id}`), all(`/courses/${id}/path`),
    contents(id), enrolled]);
  const mine = rows.body.find((row) => row.user_id === me.id);
  const reads = mine || (me && (me.role === 'admin' || me.id === body.instructor_id)); // lessons are for those who are enrolled
  const change = async (method, sentence) => {
    await call(method, `/courses/${id}/enrollment`);
    await show();
    say(sentence);
  };
  const way = (to, text) => h('a', { class: 'button', href: `#/${to}?next=${encodeURIComponent(location.hash)}` }, text);
  const entry = !me ? way('login', 'Log in to enrol') : me.role === 'guest' ? way('register', 'Register to enrol')
    : button('Enrol', () => change('POST', `You are enrolled in ${body.title}.`));
  const exit = button('Leave this course', () => change('DELETE', `You have left ${body.title}.`), { class: 'quiet' });
  return [crumbs(), h('h1', {}, body.title), h('p', { class: 'note' }, body.difficulty),
    body.description && h('p', { class: 'lines' }, body.description),
    before.length > 0 && h('p', {}, 'To complete before: ',
      before.map((one, i) => [i > 0 && ', ', h('a', { href: `#/courses/${one.id}` }, one.title)])),
    mine ? bar('Progress in this course', mine.completed, mine.total) : h('p', { class: 'buttons' }, entry),
    modules.map((module) => h('section', {}, h('h2', {}, module.title), h('ol', { class: 'steps' }, module.lessons.map((one) =>
      step(one.title, state.get(`lesson ${one.id}`), reads && `#/courses/${id}/lessons/${one.id}`))))),
    exercises.length > 0 && h('section', {}, h('h2', {}, 'Exercises'),
      h('ol', { class: 'steps' }, exercises.map((one) => step(one.title, state.get(`exercise ${one.id}`), `#/exercises/${one.id}`)))),
    modules.length + exercises.length === 0 && h('p', {}, 'This course has no lessons yet.'), mine && h('p', { class: 'buttons' }, exit)];
}

async function lesson([id, number]) {
  const [{ body }, { body: whole }, { modules, state }] = await Promise.all([get(`/courses/${id}/lessons/${number}?render=html`),
    get(`/courses/${id}`), contents(id)]);
  const row = modules.flatMap((module) => module.lessons);
  const next = row[row.findIndex((one) => one.id === body.id) + 1];
  const onward = next ? `#/courses/${id}/lessons/${next.id}` : `#/courses/${id}`;
  const finish = async () => {
    await post('/progress', { lesson_id: body.id, status: 'completed' });
    location.hash = onward;
    say(`${body.title} is done.`);
  };
  const way = state.get(`lesson ${body.id}`) === 'completed' ? h('a', { class: 'button', href: onward }, next ? 'Next lesson' : 'Back to the course')
    : button(next ? 'Done, next lesson' : 'Done, back to the course', finish);
  return [crumbs(whole), h('h1', {}, body.title), rendered(body.content, 1), h('p', { class: 'buttons' }, way)];
}

// --- exercises ---

const endings = { ok: 'The program ended well', runtime_error: 'The program ended with an error',
  timeout: 'The program was stopped: it took too long', memory_limit: 'The program was stopped: it used too much memory',
  output_limit: 'The program was stopped: it wrote too much', sandbox_error: 'The program could not be run' };
const output = (label, text) => [h('h4', {}, label), h('pre', { tabindex: 0, role: 'group', 'aria-label': label }, text || '(nothing)')];
const pair = (one, left, other, right) => h('div', { class: 'pair' }, h('div', {}, output(one, left)), h('div', {}, output(other, right)));

function ranView(run, expected) {
  const judged = (text) => text.replace(/[ \t\r]+$/gm, '').trimEnd(); // what submissions compare, too
  const compared = run.status === 'ok' && expected !== undefined;
  const same = compared && judged(run.stdout) === judged(expected);
  const verdict = !compared ? '' : same ? ' and wrote what the test expects' : ', but wrote something else than the test expects';
  const line = `${endings[run.status] ?? run.status}${verdict} (${run.duration_ms}\u00a0ms).`;
  say(line);
  return [h('p', {}, line), output('Output', run.stdout), run.stderr && output('Errors', run.stderr),
    run.truncated && h('p', { class: 'note' }, 'The output was cut.')];
}

function testView(test) {
  const details = test.hidden ? h('p', { class: 'note' }, 'What this test expects is hidden.')
    : [test.status !== 'ok' && h('p', { class: 'note' }, `${endings[test.status]}.`),
      pair('Expected output', test.expected, 'Your output', test.stdout), test.stderr && output('Errors', test.stderr)];
  return h('li', { class: test.passed ? 'good' : 'bad' }, h('h4', {}, `${test.name}: ${test.passed ? 'passed' : 'failed'}`),
    !test.passed && h('div', { class: 'details' }, details));
}

function resultView(result, news, course) {
  const passed = result.results.filter((test) => test.passed).length;
  const line = `${result.passed ? 'Solved!' : 'Not yet.'} ${passed} of ${count(result.results.length, 'test')} passed, score ${result.score}%.`;
  const awards = news.map((one) => `${one.icon ?? '🏅'} New achievement: ${one.name}`);
  say([line, ...awards].join(' '));
  return [h('p', { class: result.passed ? 'good verdict' : 'bad verdict' }, line), awards.map((award) => h('p', { class: 'award' }, award)),
    h('ul', { class: 'results' }, result.results.map(testView)),
    result.passed && course && h('p', { class: 'buttons' }, h('a', { class: 'button', href: `#/courses/${course}` }, 'Go on with the course'))];
}

const earned = async () => (await get(`/users/${me.id}/achievements`)).body;

// The code that the learner has submitted last, on whatever device.
async function submitted(id) {
  if (!me) return undefined;
  const { body: [last] } = await get(`/exercises/${id}/submissions?user_id=${me.id}&limit=1`);
  return last && (await get(`/exercises/${id}/submissions/${last.id}`)).body.code;
}

async function exercise([id]) {
  // The editor is the largest part of this page, so it comes when it is needed.
  const [{ body }, { editor, help }] = await Promise.all([get(`/exercises/${id}?render=html`), import('./editor.js')]);
  const whole = body.course_id ? (await get(`/courses/${body.course_id}`)).body : undefined;
  const instructions = body.instructions_type === 'text/html' ? rendered(body.instructions, 2) : h('p', { class: 'lines' }, body.instructions);
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
  const code = editor(place, { text: sessionStorage.getItem(draft) ?? await submitted(id) ?? body.starter_code, label: 'Your code',
    language: body.language, onchange: (text) => sessionStorage.setItem(draft, text), onrun: () => busy(runButton, run) });
  const again = () => { code.text = body.starter_code; code.focus(); };
  return [crumbs(whole), h('h1', {}, body.title),
    h('div', { class: 'columns' },
      h('section', { 'aria-labelledby': 'task' }, h('h2', { id: 'task' }, 'Task'), instructions,
        tests.length > 0 && h('details', { open: tests.length < 4 }, h('summary', {}, `Tests that are shown: ${tests.length}`),
          tests.map((test) => [h('h3', {}, test.name), pair('Input', test.stdin, 'Expected output', test.expected_stdout)]))),
      h('section', { 'aria-labelledby': 'solve' }, h('h2', { id: 'solve' }, 'Your solution'), place, h('p', { class: 'note keys' }, help),
        h('div', { class: 'field inline' }, h('label', { for: 'test' }, 'Run with'), choice), typed,
        h('p', { class: 'buttons' }, runButton, button('Submit', submit), button('Start over', again, { class: 'quiet' })), results))];
}

// --- achievements ---

async function achievements() {
  const [list, mine] = await Promise.all([all('/achievements'), me ? earned() : []]);
  const when = new Map(mine.map((one) => [one.id, one.awarded_at]));
  const card = (one) => h('li', { class: when.has(one.id) ? 'card good' : 'card' },
    h('h2', {}, h('span', { 'aria-hidden': 'true' }, one.icon ?? '🏅'), ` ${one.name}`), one.description && h('p', {}, one.description),
    h('p', { class: 'note' }, count(one.points, 'point'), when.has(one.id) && `, yours since ${new Date(when.get(one.id)).toLocaleDateString()}`));
  list.sort((a, b) => when.has(b.id) - when.has(a.id));
  return [h('h1', {}, 'Achievements'), me && h('p', {}, `You have ${when.size} of ${list.length}.`), h('ul', { class: 'cards' }, list.map(card))];
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
    parts = [h('h1', {}, 'That did not work'), alertOf(problem.text()), h('p', {}, h('a', { href: '#/' }, 'Back to the courses'))];
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
