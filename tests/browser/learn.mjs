// SPDX-License-Identifier: Apache-2.0
// The page to learn on in a real browser. A learner registers, reads a lesson, runs code, fails and solves an exercise, sees progress and an
// achievement, uploads a document, watches its analysis and asks about it: once with nothing but the keyboard on a wide screen over HTTPS, once by
// touch on a phone over HTTP. Every view is read by axe.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { account, audit, check, demo, finish, pdf, watched } from './page.mjs';

const mark = Date.now();
const PASSWORD = 'Nanosecond-11.8in';
const SECRET = '1000042'; // what the hidden test expects
const WRONG = 'print(input())';
const RIGHT = 'print(int(input()) + int(input()))';

// --- what there is to learn ---

async function api(token, method, path, body) {
  const response = await fetch(`${demo.http}/api/v1${path}`, { method, body: body && JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) } });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}

async function prepare(token) {
  const course = await api(token, 'POST', '/courses', { title: `Sums ${mark}`, description: 'How to add.' });
  const module = await api(token, 'POST', `/courses/${course.id}/modules`, { title: 'Numbers' });
  await api(token, 'POST', `/courses/${course.id}/modules/${module.id}/lessons`,
    { title: 'Reading numbers', content: '# int\n\nUse **int** to read.\n\n<script>document.title = "taken"</script>\n\n[no](javascript:alert(1))' });
  const exercise = await api(token, 'POST', '/exercises', { course_id: course.id, title: 'Sum of two numbers', difficulty: 'beginner', language: 'python',
    instructions: 'Read two numbers and print their **sum**.', starter_code: '# your code\n',
    tests: [{ name: 'small', stdin: '2\n3\n', expected_stdout: '5\n', hidden: false, points: 1 },
      { name: 'large', stdin: '1000000\n42\n', expected_stdout: `${SECRET}\n`, hidden: true, points: 1 }] });
  const achievement = await api(token, 'POST', '/achievements',
    { name: `Adder ${mark}`, points: 5, icon: '➕', rule: { event: 'course_completed', count: 1, course_id: course.id } });
  return { course, exercise, achievement };
}

async function tidy(token, { course, achievement }) {
  await api(token, 'DELETE', `/achievements/${achievement.id}`);
  await api(token, 'DELETE', `/courses/${course.id}`);
}

// --- looking at a view ---

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor();
const says = (page, text) => page.locator('#status').filter({ hasText: text }).waitFor({ state: 'attached' });
const shows = (page, text) => page.getByText(text).first().waitFor();

async function stored(page) {
  return page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
}

// --- by keyboard ---

// The name of what has the focus, also inside the editor.
const focused = (page) => page.evaluate(() => {
  let at = document.activeElement;
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent;
});

async function tabTo(page, name) {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press('Tab');
    if ((await focused(page)).trim() === name) return;
  }
  throw new Error(`no way by Tab to "${name}"`);
}

async function press(page, name) {
  await tabTo(page, name);
  await page.keyboard.press('Enter');
}

async function write(page, name, text) {
  await tabTo(page, name);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}

async function registers(page) {
  await page.goto(`${demo.https}/learn/`);
  await heading(page, 'Courses');
  await audit(page, 'courses');
  await page.keyboard.press('Tab');
  check('the first stop skips to the content', (await focused(page)) === 'Skip to the content', await focused(page));
  await press(page, 'Register');
  await heading(page, 'Register');
  check('a new view puts the focus on its heading', (await focused(page)) === 'Register', await focused(page));
  await write(page, 'E-mail address', `ada${mark}@example.org`);
  await write(page, 'Username', `ada${mark}`);
  await write(page, 'Password', 'short');
  await page.keyboard.press('Enter');
  await page.locator('.alert').waitFor();
  const note = await page.locator('#field-password-note').textContent();
  check('a refused password is explained at its field, which gets the focus', note.length > 10 && (await focused(page)) === 'Password', note);
  await audit(page, 'a refused registration');
  await page.keyboard.press('Control+a');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await heading(page, 'Courses');
  await says(page, `Welcome, ada${mark}.`);
}

async function keepsCookie(page) {
  const store = await stored(page);
  check('over HTTPS no script can read the session', !/eyJ|forge_session/.test(store) && /__Host-forge_csrf/.test(store), store);
  await page.reload();
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  check('and a reload keeps it', true);
}

async function reads(page, { course }) {
  await write(page, 'Search', String(mark));
  await page.keyboard.press('Enter');
  await shows(page, `Courses with “${mark}”`);
  await press(page, course.title);
  await heading(page, course.title);
  await press(page, 'Enrol');
  await says(page, `You are enrolled in ${course.title}.`);
  await shows(page, '0 of 2 done');
  await audit(page, 'a course');
  await press(page, 'Reading numbers');
  await heading(page, 'Reading numbers');
  await page.locator('.text strong', { hasText: 'int' }).waitFor();
  check('a lesson is Markdown, without scripts', (await page.locator('main script, main a[href^="javascript"]').count()) === 0 && (await page.title()) === 'Reading numbers · Learn');
  await audit(page, 'a lesson');
  await press(page, 'Done, back to the course');
  await heading(page, course.title);
  await shows(page, '1 of 2 done');
  check('a lesson that was read counts', true);
}

const submit = async (page) => {
  await page.keyboard.press('Escape'); // then Tab leaves the editor
  await press(page, 'Submit');
};

async function solves(page, { course, exercise }) {
  await press(page, exercise.title);
  await heading(page, exercise.title);
  await write(page, 'Your code', WRONG);
  await page.keyboard.press('Control+Enter');
  await shows(page, 'but wrote something else than the test expects');
  check('Ctrl+Enter runs the code with the input of a visible test', (await page.locator('#results pre').first().textContent()) === '2\n');
  await submit(page);
  await says(page, 'Not yet. 0 of 2 tests passed, score 0%.');
  const shown = await page.locator('main').textContent();
  check('a failed test shows what it expects, a hidden one does not', /small: failedExpected output5/.test(shown) && /large: failed/.test(shown) && !shown.includes(SECRET), shown);
  await audit(page, 'an exercise with failed tests');
  await write(page, 'Your code', RIGHT);
  await submit(page);
  await says(page, 'Solved! 2 of 2 tests passed, score 100%.');
  await says(page, `➕ New achievement: Adder ${mark}`); // beside those that the demo has for anybody
  check('a right solution is solved and earns the achievement of the course', true);
  await audit(page, 'a solved exercise');
  await press(page, 'Go on with the course');
  await heading(page, course.title);
  await shows(page, '2 of 2 done');
  check('the progress bar is full', (await page.locator('progress').evaluate((bar) => bar.value / bar.max)) === 1);
}

// --- documents ---

const BIRDS = pdf([['Birds of the lake', `Seen in the year ${mark}.`, 'Swans build their nests among the reeds.'],
  ['Herons', 'The grey heron eats fish and frogs.', 'It stands still in shallow water for a long time.']]);
const QUESTION = 'What does the grey heron eat?';
const upload = (page, name, buffer, mimeType = 'application/pdf') => page.getByLabel('PDF file').setInputFiles({ name, mimeType, buffer });
const answer = (page, question) => page.locator('.answers > li', { hasText: question }).first();

async function refusesFiles(page) {
  await upload(page, 'notes.txt', Buffer.from('This is text.'), 'text/plain');
  await press(page, 'Upload');
  await shows(page, 'This is not a PDF file. Only PDF files can be uploaded.');
  await page.route('**/files/upload', (route) => route.fulfill({ status: 413, contentType: 'application/problem+json',
    body: '{"code":"quota_exceeded","detail":"the account has stored as much as it may"}' }), { times: 1 });
  await upload(page, 'birds.pdf', BIRDS);
  await press(page, 'Upload');
  await shows(page, 'There is no room left: your account may store only so much.');
  check('a file that is refused is explained in plain words', true);
  await audit(page, 'a refused file');
}

// The next look at an analysis finds that it goes on.
const goesOn = (page) => page.route(/\/analysis\/sessions\/\d+$/, async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, json: { ...await response.json(), status: 'running', progress: 40, stage: 'extracting', error: null, result: null } });
}, { times: 1 });

// The view is held while the analysis goes on, so that there is time to look at it; how it ends is what the server says.
async function watchesAnalysis(page) {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route('**/events', async (route) => {
    await held;
    await route.continue();
  }, { times: 1 });
  await goesOn(page);
  await page.keyboard.press('Enter');
  await heading(page, 'birds.pdf');
  const bar = page.getByRole('progressbar', { name: 'Analysis of birds.pdf' });
  await bar.waitFor();
  check('the progress of an analysis is a bar and a text', (await bar.evaluate((one) => one.value)) === 40
    && (await page.getByText('Its text is taken out: 40%').count()) === 1);
  await audit(page, 'an analysis that goes on');
  const stream = page.waitForResponse('**/events');
  release();
  const { headers, status } = await stream.then((response) => ({ headers: response.headers(), status: response.status() }));
  check('it is followed by a stream of events', status === 200 && /^text\/event-stream/.test(headers['content-type']), `${status} ${headers['content-type']}`);
  await says(page, 'The analysis is done.');
  const facts = await page.locator('.facts').textContent();
  check('its result says pages and words', /Pages2/.test(facts) && /Words\d\d/.test(facts), facts);
  await page.getByRole('img', { name: 'First page of birds.pdf' }).waitFor();
}

async function asksQuestions(page) {
  await write(page, 'Your question', QUESTION);
  await page.keyboard.press('Enter');
  await says(page, 'Page 2.');
  const shown = await answer(page, QUESTION).textContent();
  check('an answer names the page that it stands on', /fish and frogs/.test(shown) && /Page 2/.test(shown) && !/Page 1/.test(shown), shown);
  check('the focus stays at the question', (await focused(page)) === 'Your question', await focused(page));
  await write(page, 'Your question', 'Who wrote the first opera?');
  await page.keyboard.press('Enter');
  await says(page, 'No answer: too little about this was found in it.');
  check('what is not in a document is not answered', !/Page/.test(await answer(page, 'opera').textContent()));
  await audit(page, 'answers');
  await page.reload();
  await page.getByText('Earlier questions: 2').click();
  await answer(page, QUESTION).getByText('Page 2', { exact: true }).waitFor();
  check('a reload shows the earlier questions', (await page.locator('.answers > li').count()) === 2);
}

async function deletesFile(page) {
  await press(page, 'Documents');
  await heading(page, 'Documents');
  await press(page, 'Delete: birds.pdf');
  const dialog = page.getByRole('dialog', { name: 'Delete this file?' });
  await dialog.waitFor();
  await audit(page, 'a question before a deletion');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  check('whoever does not confirm keeps the file, and the focus', (await focused(page)) === 'Delete: birds.pdf', await focused(page));
  await page.keyboard.press('Enter');
  await dialog.waitFor();
  await page.evaluate(async () => {
    document.querySelector('dialog').requestClose(); // as Escape does
    for (let i = 0; i < 20; i++) await null; // promises go on, but no further event comes
    document.activeElement.click();
  });
  check('the question can be asked again at once', (await dialog.count()) === 1);
  await press(page, 'Delete');
  await says(page, 'birds.pdf is deleted.');
  await shows(page, 'There is no file yet.');
  check('a file is deleted', (await focused(page)) === 'Your files', await focused(page));
}

// Repositories come from the network, which is no part of this test: one is refused by the server, the result of another is made up.
const FOUND = { files: 412, lines: 81234, languages: [{ name: 'C', lines: 40211, percent: 80 }, { name: 'Python', lines: 8211, percent: 20 }, { name: 'YAML', lines: 9 }],
  licenses: [{ path: 'COPYING', spdx: 'MIT' }], tests: { present: true, files: 37 }, ci: [{ system: 'GitHub Actions', path: '.github/workflows/ci.yml' }],
  history: { commits: 50, authors: 12, cut: true, last_at: '2026-10-01T00:00:00Z' }, readme: { outline: [{ level: 1, title: 'Reed' }] },
  manifests: [{ path: 'docs/Pipfile', license: null, dependencies: [{ name: 'jinja2', version: '>=3.1', scope: 'runtime', license: 'BSD-3-Clause' }] }],
  most_complex_files: [{ path: 'src/execute.c', lines: 1320, complexity: 301 }] };

async function showsRepository(page) {
  await write(page, 'Address of the repository', 'https://git.example.org/owner/name');
  await page.keyboard.press('Enter');
  await page.locator('#field-url[aria-invalid]').waitFor();
  check('a repository that is not allowed is refused at its field', (await focused(page)) === 'Address of the repository', await focused(page));
  await page.route('**/analysis/sessions/1000000', (route) => route.fulfill({ json: { id: 1000000, kind: 'github', url: 'https://git.example.org/owner/reed',
    ref: null, file_id: null, status: 'done', progress: 100, stage: 'indexing', error: null, result: FOUND, created_at: '2026-11-01T00:00:00Z' } }));
  await page.route('**/analysis/sessions/1000000/messages*', (route) => route.fulfill({ json: [] }));
  await page.goto(`${demo.https}/learn/#/documents/1000000`);
  await heading(page, 'git.example.org/owner/reed');
  const shown = await page.locator('main').textContent();
  check('a repository shows languages, licence and dependencies', /LicenceMIT/.test(shown) && /C 80%.*Python 20%/.test(shown) && /docs\/Pipfile: 1 dependency/.test(shown)
    && !/YAML/.test(shown), shown);
  for (const summary of await page.locator('main summary').all()) await summary.click();
  await audit(page, 'a repository');
}

async function asks(page) {
  await press(page, 'Documents');
  await heading(page, 'Documents');
  await audit(page, 'documents');
  await refusesFiles(page);
  page.on('filechooser', () => {}); // Chromium hands the dialog over only once it has been told so; the key below must not come first
  await tabTo(page, 'PDF file');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Space')]);
  await chooser.setFiles({ name: 'birds.pdf', mimeType: 'application/pdf', buffer: BIRDS });
  await press(page, 'Upload');
  await says(page, 'birds.pdf is uploaded.');
  check('after an upload the focus is where it goes on', (await focused(page)) === 'Analyse: birds.pdf', await focused(page));
  await watchesAnalysis(page);
  await asksQuestions(page);
  await deletesFile(page);
  await showsRepository(page);
}

async function leaves(page) {
  await press(page, 'Achievements');
  await heading(page, 'Achievements');
  const card = page.locator('.card.good', { hasText: `Adder ${mark}` });
  await card.waitFor();
  check('the achievement says since when', /yours since/.test(await card.textContent()));
  await audit(page, 'achievements');
  await press(page, 'Log out');
  await heading(page, 'Log in');
  const store = await stored(page);
  check('a logout leaves nothing behind', store === '[{},{},""]', store);
  await audit(page, 'the login');
}

// Refusals of a registration, of files and of a repository are part of the test.
async function byKeyboard(browser, things) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 } });
  const { page, troubles } = await watched(context, demo.https, (status, path) => (status === 422 && ['/api/v1/auth/register', '/api/v1/analysis/github'].includes(path))
    || ([413, 415].includes(status) && path === '/api/v1/files/upload'));
  await registers(page);
  await keepsCookie(page);
  await reads(page, things);
  await solves(page, things);
  await asks(page);
  await leaves(page);
  check('the walk by keyboard had no errors, refusals of the policy or foreign requests', troubles.length === 0, troubles.join(' | '));
  await context.close();
}

// --- by touch ---

async function visits(page, { course, exercise }) {
  await page.goto(`${demo.http}/learn/#/courses/${course.id}`);
  await heading(page, course.title);
  await page.getByRole('link', { name: 'Log in', exact: true }).tap();
  await page.getByRole('button', { name: 'Continue as a guest' }).tap();
  await says(page, 'Welcome, guest.');
  await page.goto(`${demo.http}/learn/#/courses/${course.id}`);
  await page.getByRole('link', { name: exercise.title }).tap();
  await heading(page, exercise.title);
  await audit(page, 'an exercise on a phone');
  await page.locator('.editor').tap();
  await page.keyboard.press('Control+a');
  await page.keyboard.type(RIGHT);
  await page.getByRole('button', { name: 'Run' }).tap();
  await shows(page, 'and wrote what the test expects');
  await page.getByRole('button', { name: 'Submit' }).tap();
  await says(page, 'Solved! 2 of 2 tests passed, score 100%.');
  check('a guest solves an exercise on a phone', true);
  await audit(page, 'a solved exercise on a phone');
}

async function stays(page, { course, exercise }) {
  await page.getByRole('link', { name: 'Register' }).tap();
  await page.locator('#field-email').fill(`lin${mark}@example.org`);
  await page.locator('#field-password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Register' }).tap();
  await says(page, 'Welcome, ');
  await page.goto(`${demo.http}/learn/#/courses/${course.id}`);
  await page.locator('.step.done', { hasText: exercise.title }).waitFor();
  check('what a guest has solved stays after the registration', true);
  await audit(page, 'a course on a phone');
  const store = await stored(page);
  check('over HTTP tokens are in no storage', !/eyJ/.test(store), store);
}

// Over HTTP a token opens files, pictures and streams.
async function asksByTouch(page) {
  await page.getByRole('link', { name: 'Documents' }).tap();
  await heading(page, 'Documents');
  await upload(page, 'torn.pdf', Buffer.from(`%PDF-1.4\nno more than this ${mark}\n`));
  await page.getByRole('button', { name: 'Upload' }).tap();
  await goesOn(page);
  const refuse = (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"detail":"no more streams"}' });
  await page.route('**/events', refuse);
  await page.getByRole('button', { name: 'Analyse: torn.pdf' }).tap();
  await heading(page, 'torn.pdf');
  await page.locator('.alert').waitFor(); // found out without a stream
  await page.unroute('**/events', refuse);
  const why = await page.locator('.alert').textContent();
  check('a failed analysis says why, and what can be done', /^[A-Z].*\.$/.test(why) && (await page.getByText('Save it again').count()) === 1, why);
  await audit(page, 'a failed analysis on a phone');
  await page.getByRole('navigation', { name: 'Where you are' }).getByRole('link', { name: 'Documents' }).tap();
  await heading(page, 'Documents');
  await upload(page, 'birds.pdf', BIRDS);
  await page.getByRole('button', { name: 'Upload' }).tap();
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download: birds.pdf' }).tap()]);
  check('a file comes back as it was sent', saved.suggestedFilename() === 'birds.pdf' && readFileSync(await saved.path()).equals(BIRDS), saved.suggestedFilename());
  await audit(page, 'documents on a phone');
  await page.getByRole('button', { name: 'Analyse: birds.pdf' }).tap();
  await page.locator('#field-question').fill(QUESTION);
  await page.getByRole('button', { name: 'Ask' }).tap();
  await answer(page, QUESTION).getByText('Page 2', { exact: true }).waitFor();
  check('an answer names its page on a phone', /fish and frogs/.test(await answer(page, QUESTION).textContent()));
  await page.getByRole('img', { name: 'First page of birds.pdf' }).waitFor();
  await audit(page, 'answers on a phone');
}

const logsIn = async (page) => {
  await page.locator('#field-name').fill(`lin${mark}@example.org`);
  await page.locator('#field-password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).tap();
};

async function returns(page) {
  await page.reload();
  await page.getByRole('link', { name: 'Log in', exact: true }).tap();
  await page.locator('#field-name').fill(`lin${mark}@example.org`);
  await page.locator('#field-password').fill('wrong');
  await page.getByRole('button', { name: 'Log in' }).tap();
  await page.locator('.alert').waitFor();
  check('a wrong password is answered by a sentence', /^[A-Z].*\.$/.test(await page.locator('.alert').textContent()), await page.locator('.alert').textContent());
  await audit(page, 'a refused login on a phone');
  await logsIn(page);
  await heading(page, 'Courses');
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  await audit(page, 'courses on a phone');
}

// An expired token is renewed unseen. A session that was ended elsewhere leads to the login, and from there back.
async function outlives(page) {
  const summary = '**/api/v1/progress/summary';
  await page.route(summary, (route) => route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"detail":"expired"}' }), { times: 1 });
  const refresh = page.waitForResponse(`${demo.http}/api/v1/auth/refresh`);
  await page.getByRole('link', { name: 'Achievements' }).tap();
  await heading(page, 'Achievements');
  await page.getByRole('link', { name: 'Courses' }).tap();
  check('an expired access token is renewed', (await refresh).status() === 200);
  await heading(page, 'Courses');
  const other = await api(null, 'POST', '/auth/login', { email: `lin${mark}@example.org`, password: PASSWORD });
  await api(other.access_token, 'POST', '/auth/logout-all');
  await page.getByRole('link', { name: 'Achievements' }).tap();
  await shows(page, 'Please log in to go on.');
  await logsIn(page);
  await heading(page, 'Achievements');
  check('a session that was ended elsewhere leads to the login and back', true);
}

// Wrong passwords, expired tokens, ended sessions and a stream that is refused are part of the test.
async function byTouch(browser, things) {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  const { page, troubles } = await watched(context, demo.http, (status, path) => status === 401 || (status === 503 && path.endsWith('/events')));
  await visits(page, things);
  await stays(page, things);
  await asksByTouch(page);
  await returns(page);
  await outlives(page);
  check('the walk on a phone had no errors, refusals of the policy or foreign requests', troubles.length === 0, troubles.join(' | '));
  await context.close();
}

const { username, password } = account('instructor');
const token = (await api(null, 'POST', '/auth/login', { username, password })).access_token;
const things = await prepare(token);
const browser = await chromium.launch({ executablePath: process.env.FORGE_CHROMIUM });
try {
  for (const walk of [byKeyboard, byTouch]) await walk(browser, things).catch((error) => check(`the walk ${walk.name}`, false, error.message));
} finally {
  await browser.close();
  await tidy(token, things);
}
finish();
