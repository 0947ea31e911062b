// SPDX-License-Identifier: Apache-2.0
// A page to learn on: courses, lessons, exercises, achievements, documents. Everything comes from the public API; GET /docs describes it.
import { Problem, alertOf, all, bar, begin, busy, button, call, count, csrf, field, form, get, h, me, post, present, rendered, resume, say, send }
  from './shared.js';

const main = document.getElementById('main');

// --- who is here ---

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

// Documents are a part of the page that comes when it is needed.
const documents = async () => (await import('./documents.js')).documents();
const analysis = async ([id]) => (await import('./documents.js')).analysis(id);

const views = [[/^$/, courses], [/^login$/, login], [/^register$/, register], [/^achievements$/, achievements], [/^courses\/(\d+)$/, course],
  [/^courses\/(\d+)\/lessons\/(\d+)$/, lesson], [/^exercises\/(\d+)$/, exercise], [/^documents$/, documents], [/^documents\/(\d+)$/, analysis]];
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
await resume();
await show();
