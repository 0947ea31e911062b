// SPDX-License-Identifier: Apache-2.0
// The account's pages in a real browser, with the mails that the demo writes: a visitor of /handbook/ is sent to the login, registers and comes back; every
// link of a mail leads to its page and works; second factor, keys, sessions, departure. By keyboard on a wide screen, by touch on a phone; each page is read
// by axe, and once in a language of brackets, in which a text outside of the tables shows.
import { readFileSync, readdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { LANGUAGES, table, texts } from './account_texts.mjs';
import { account, audit, check, demo, finish, stepNow, totp, watched } from './page.mjs';

const mark = Date.now();
const PASSWORD = 'Nanosecond-11.8in';
const SECOND = 'Millisecond-186mi';
const THIRD = 'Microsecond-984ft';
const at = (path) => `${demo.https}/account/${path}`;

// --- mails ---

const decoded = (mail) => (/quoted-printable/i.test(mail)
  ? Buffer.from(mail.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (all, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString() : mail);
const mails = () => readdirSync(process.env.FORGE_MAIL).filter((name) => !name.startsWith('.')).map((name) => decoded(readFileSync(`${process.env.FORGE_MAIL}/${name}`, 'latin1')));
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// The link of a mail to an address that has not been used by this test before. The mailer comes once a second.
const followed = new Set();
async function mailedLink(address, path) {
  for (let i = 0; i < 300; i++) {
    for (const mail of mails().filter((one) => new RegExp(`^To: .*${address}`, 'm').test(one))) {
      const found = new RegExp(`https://\\S+/${path}\\?token=[\\w%-]+`).exec(mail)?.[0];
      if (found && !followed.has(found)) {
        followed.add(found);
        return found;
      }
    }
    await pause(100);
  }
  throw new Error(`no mail to ${address} with a link to ${path}`);
}

// --- the API, and looking at a page ---

async function api(token, method, path, body) {
  const response = await fetch(`${demo.http}/api/v1${path}`, { method, body: body && JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) } });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}
const tokenOf = async (username, password) => (await api(null, 'POST', '/auth/login', { username, password })).access_token;

const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
const noticed = (page, text) => page.locator('.notice', { hasText: text }).first().waitFor();
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const fill = (scope, label, text) => scope.getByLabel(label, { exact: true }).fill(text);
const part = (page, title) => page.locator('section', { has: page.getByRole('heading', { level: 2, name: title, exact: true }) });
const focused = (page) => page.evaluate(() => {
  const here = document.activeElement;
  return (here.getAttribute('aria-label') ?? here.labels?.[0]?.textContent ?? here.textContent).trim();
});
// What a screen reader says about the field with the focus, beside its name.
const described = (page) => page.evaluate(() => (document.activeElement.getAttribute('aria-describedby') ?? '').split(' ')
  .map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim());

async function tabTo(page, name) {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    if (await focused(page) === name) return;
  }
  throw new Error(`no way by Tab to "${name}"`);
}
async function type(page, name, text) {
  await tabTo(page, name);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}

async function logsIn(page, name, password) {
  await fill(page, 'E-mail address or username', name);
  await fill(page, 'Password', password);
  await press(page, 'Log in');
}

// --- somebody comes to the handbook, and registers ---

const ada = { name: `ada${mark}`, email: `ada${mark}@example.org` };

async function comesToTheHandbook(page) {
  await page.goto(`${demo.https}/handbook/?chapter=1`);
  await heading(page, 'Log in');
  check('a visitor of protected content is sent to the login', page.url() === at('login?next=%2Fhandbook%2F%3Fchapter%3D1'), page.url());
  await audit(page, 'login');
  await page.keyboard.press('Tab');
  check('the first stop skips to the content', (await focused(page)) === 'Skip to the content', await focused(page));
  await type(page, 'E-mail address or username', ada.name);
  await type(page, 'Password', 'wrong');
  await page.keyboard.press('Enter');
  await page.locator('[aria-invalid]').first().waitFor();
  check('a refused login is explained at the field with the focus', (await focused(page)) === 'Password' && (await described(page)) === 'The account name or the password is wrong.',
    `${await focused(page)}: ${await described(page)}`);
  check('no password is in the address', !page.url().includes('wrong'), page.url());
  await tabTo(page, 'Register');
  await page.keyboard.press('Enter');
  await heading(page, 'Register');
}

async function registers(page) {
  await type(page, 'E-mail address', 'ada@nowhere');
  await type(page, 'Password', 'short');
  await page.keyboard.press('Enter');
  await page.locator('[aria-invalid]').first().waitFor();
  const wrong = await page.locator('[aria-invalid]').evaluateAll((all) => all.map((one) => one.name).join());
  check('both wrong fields are marked, and the first has the focus', wrong === 'email,password' && (await focused(page)) === 'E-mail address', `${wrong}, ${await focused(page)}`);
  check('and says what is wrong', /host name/.test(await described(page)), await described(page));
  await audit(page, 'a refused registration');
  await page.keyboard.press('Control+a');
  await page.keyboard.type(ada.email);
  await type(page, 'Username', ada.name);
  await type(page, 'Password', PASSWORD);
  await page.keyboard.press('Enter');
  await noticed(page, `A mail with a link to confirm your address is on its way to ${ada.email}.`);
  await tabTo(page, 'Continue');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Handbook' }).waitFor();
  check('who has registered is back at the content', page.url() === `${demo.https}/handbook/?chapter=1`, page.url());
  const seen = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  check('no script can read the session', !/eyJ|forge_session/.test(seen), seen);
}

async function confirms(page) {
  await page.goto(await mailedLink(ada.email, 'verify-email'));
  await heading(page, 'Confirm your address');
  check('the code leaves the address at once', page.url() === at('verify-email'), page.url());
  await audit(page, 'a confirmation');
  await page.reload();
  await press(page, 'Confirm');
  await noticed(page, 'Your e-mail address is confirmed.');
  check('the link of a real mail confirms the address', true);
  await page.goto(at('verify-email'));
  await fill(page, 'Code from the mail', 'used-or-wrong');
  await press(page, 'Confirm');
  await page.locator('[aria-invalid]').waitFor();
  check('a code can be typed, and a wrong one is explained at its field', /^.*This token is unknown or expired/.test(await described(page)), await described(page));
}

// --- profile ---

async function fillsIn(page) {
  await page.goto(at('profile'));
  await heading(page, 'Profile');
  await audit(page, 'profile');
  await fill(page, 'Name', 'Ada Lovelace');
  await fill(page, 'Address of a picture', 'no address');
  await press(page, 'Save');
  await page.locator('[aria-invalid]').waitFor();
  check('a wrong member of the profile has its sentence', (await focused(page)) === 'Address of a picture', await described(page));
  await fill(page, 'Address of a picture', `${demo.https}/account/icon.svg`);
  await page.locator('main').getByLabel('Language').selectOption('de');
  await press(page, 'Save');
  await noticed(page, 'Das Profil ist gespeichert.');
  check('the account\'s language becomes the page\'s', (await page.evaluate(() => document.documentElement.lang)) === 'de' && (await page.title()) === 'Profil');
  check('a picture of this server is shown', await page.locator('.avatar').evaluate((image) => image.decode().then(() => image.naturalWidth > 0)));
  await page.reload();
  await heading(page, 'Profil');
  check('and is kept with the account', (await page.getByLabel('Name', { exact: true }).inputValue()) === 'Ada Lovelace');
}

// The switch on the page changes texts in place: what was typed stays.
async function switches(page) {
  const words = { de: 'Profil', fr: 'Profil', es: 'Perfil', tr: 'Profil', en: 'Profile' };
  await page.locator('#header select').selectOption('en');
  await heading(page, 'Profile');
  await fill(page, 'About me', 'half a sen');
  for (const [code, word] of Object.entries(words)) {
    await page.locator('#header select').selectOption(code);
    await page.waitForFunction((wanted) => document.documentElement.lang === wanted, code);
    check(`${code}: title, heading and language of the page`, (await page.title()) === word && (await page.locator('h1').textContent()) === word);
  }
  check('what was typed is still there', (await page.getByLabel('About me').inputValue()) === 'half a sen');
  await page.reload();
  await heading(page, 'Profile');
}

async function moves(page) {
  const email = `countess${mark}@example.org`;
  const form = part(page, 'E-mail address');
  await fill(form, 'New e-mail address', email);
  await fill(form, 'Current password', 'wrong');
  await press(page, 'Change the address');
  await form.locator('[aria-invalid]').waitFor();
  check('a wrong password is explained at its field', (await focused(page)) === 'Current password', await focused(page));
  await fill(form, 'Current password', PASSWORD);
  await press(page, 'Change the address');
  await noticed(page, `A mail is on its way to ${email}.`);
  await page.goto(await mailedLink(email, 'verify-email'));
  await press(page, 'Confirm');
  await noticed(page, 'Your e-mail address is confirmed.');
  await page.goto(at('profile'));
  await page.getByText(email).waitFor();
  check('the link of the mail to the new address changes it', true);
}

// --- security ---

async function entersCode(page, code) {
  await fill(page, 'Code', code);
  await press(page, 'Log in');
}

async function setsUpFactor(page) {
  await page.goto(at('security'));
  await heading(page, 'Security');
  await audit(page, 'security');
  await fill(part(page, 'Second factor'), 'Current password', PASSWORD);
  await press(page, 'Set up');
  await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
  check('the code to scan is drawn', (await page.locator('.qr svg path').getAttribute('d')).length > 500);
  const secret = await part(page, 'Second factor').locator('.secret').textContent();
  await audit(page, 'setting up a second factor');
  await fill(page, 'Code', totp(secret, stepNow()));
  await press(page, 'Turn on');
  await noticed(page, 'Keep these recovery codes in a safe place');
  const codes = await page.locator('.codes li').allTextContents();
  check('ten recovery codes are shown', codes.length === 10 && new Set(codes).size === 10, codes.join());
  await audit(page, 'recovery codes');
  return { secret, codes };
}

async function usesFactor(page, { secret, codes }) {
  await press(page, 'Log out');
  await heading(page, 'Log in');
  await logsIn(page, ada.name, PASSWORD);
  await page.getByText('This account also has a second factor.').waitFor();
  check('the field for the code is found by password managers, and has the focus', (await page.getByLabel('Code').getAttribute('autocomplete')) === 'one-time-code'
    && (await focused(page)) === 'Code');
  await audit(page, 'the second step');
  await entersCode(page, '000000');
  await page.locator('[aria-invalid]').waitFor();
  check('a wrong code is explained at its field', /wrong or was used before/.test(await described(page)), await described(page));
  await entersCode(page, totp(secret, stepNow() + 1)); // the one of now is used up
  await heading(page, 'Profile');
  await press(page, 'Log out');
  await heading(page, 'Log in');
  await logsIn(page, ada.name, PASSWORD);
  await page.getByText('This account also has a second factor.').waitFor();
  await entersCode(page, codes[0]);
  await heading(page, 'Profile');
  check('a login works with a code of the app, and with a recovery code', true);
  await page.goto(`${at('login')}?reason=mfa&next=%2Fhandbook%2F`);
  await page.getByText('This page wants your second factor.').waitFor();
  await fill(page, 'Code', codes[1]);
  await press(page, 'Continue');
  await page.getByRole('heading', { name: 'Handbook' }).waitFor();
  check('content that wants the second factor gets it, and one is back there', true);
}

async function changesFactor(page, { codes }) {
  await page.goto(at('security'));
  const factor = part(page, 'Second factor');
  const change = async (name, code) => {
    await factor.locator('summary', { hasText: name }).click();
    const box = factor.locator('details[open]').last();
    await fill(box, 'Current password', PASSWORD);
    await fill(box, 'Code', code);
    await box.getByRole('button', { name, exact: true }).click();
  };
  await change('New recovery codes', codes[2]);
  await factor.locator('.codes').waitFor();
  const [fresh] = await factor.locator('.codes li').allTextContents();
  await change('Turn off', fresh);
  await page.getByText('A login asks for your password only.').waitFor();
  check('new recovery codes replace the old ones, and one of them turns the factor off', !codes.includes(fresh));
}

async function makesKeys(page) {
  const keys = part(page, 'API keys');
  await keys.locator('summary').click();
  await fill(keys, 'What it is for', 'nightly export');
  await fill(keys, 'Current password', PASSWORD);
  await press(page, 'Create the key');
  await noticed(page, 'This is the key.');
  const key = await keys.locator('.notice .secret').textContent();
  const me = await api(key, 'GET', '/users/me');
  check('a key that was made works', me.username === ada.name, me.username);
  await audit(page, 'security with a key');
  await press(page, 'Delete: nightly export');
  await page.getByText('You have no keys.').waitFor();
  const gone = await fetch(`${demo.http}/api/v1/users/me`, { headers: { Authorization: `Bearer ${key}` } });
  check('a key that was deleted does not, and the focus stays in its part', gone.status === 401 && (await focused(page)) === 'API keys', `${gone.status}, ${await focused(page)}`);
}

async function changesPassword(page) {
  const form = part(page, 'Password');
  await fill(form, 'Current password', PASSWORD);
  await fill(form, 'New password', SECOND);
  await press(page, 'Change the password');
  await noticed(page, 'Your password is changed.');
  await tokenOf(ada.name, SECOND);
  check('the password is changed', true);
}

// --- sessions ---

// Whose session has ended meanwhile is asked to log in, and is back at the page then.
async function comesBack(page) {
  await page.goto(at('sessions'));
  await heading(page, 'Sessions');
  await api(await tokenOf(ada.name, SECOND), 'POST', '/auth/logout-all');
  await press(page, 'End all sessions');
  await heading(page, 'Log in');
  await logsIn(page, ada.name, SECOND);
  await heading(page, 'Sessions');
  check('a session that was ended elsewhere leads to the login and back', true);
}

async function endsSessions(page) {
  const other = await tokenOf(ada.name, SECOND);
  await page.goto(at('sessions'));
  await heading(page, 'Sessions');
  await audit(page, 'sessions');
  const before = await page.locator('.card').count();
  check('the session of this browser is named', /^Chrome · Linux/.test(await page.locator('.card', { hasText: 'this one' }).textContent()),
    await page.locator('.card', { hasText: 'this one' }).textContent());
  await page.locator('.card').getByRole('button').first().click(); // the newest is the one that was begun above
  await page.waitForFunction((count) => document.querySelectorAll('.card').length === count - 1, before);
  const refused = await fetch(`${demo.http}/api/v1/auth/me`, { headers: { Authorization: `Bearer ${other}` } });
  check('a session is ended at once', refused.status === 401, refused.status);
  await press(page, 'End all sessions');
  await heading(page, 'Log in');
  await page.goto(`${demo.https}/handbook/`);
  await heading(page, 'Log in');
  check('all sessions are ended, that of the handbook too', true);
}

// --- a forgotten password, an address that is taken back, and the way out ---

async function forgets(page) {
  const email = `countess${mark}@example.org`;
  await page.goto(at('forgot-password'));
  await fill(page, 'E-mail address', email);
  await audit(page, 'a forgotten password');
  await press(page, 'Send the mail');
  await noticed(page, 'If there is an account with this address');
  await page.goto(await mailedLink(email, 'reset-password'));
  await heading(page, 'Choose a new password');
  await fill(page, 'New password', 'short');
  await press(page, 'Set the password');
  await page.locator('[aria-invalid]').waitFor();
  check('a weak new password is explained at its field', (await focused(page)) === 'New password' && /at least 8 characters/.test(await described(page)), await described(page));
  await audit(page, 'a new password');
  await fill(page, 'New password', THIRD);
  await press(page, 'Set the password');
  await noticed(page, 'Your new password is set.');
  await tokenOf(ada.name, THIRD);
  check('the link of the mail sets a new password', true);
}

async function takesBack(page) {
  await page.goto(await mailedLink(ada.email, 'undo-email-change'));
  await heading(page, 'Take the old address back');
  await audit(page, 'an address that is taken back');
  await press(page, 'Take it back');
  await noticed(page, 'The old address is back.');
  // The password is younger than the change of address, so it counts no more: whoever has the old mailbox sets another one.
  await page.goto(at('forgot-password'));
  await fill(page, 'E-mail address', ada.email);
  await press(page, 'Send the mail');
  await noticed(page, 'If there is an account with this address');
  await page.goto(await mailedLink(ada.email, 'reset-password'));
  await heading(page, 'Choose a new password');
  await fill(page, 'New password', THIRD);
  await press(page, 'Set the password');
  await noticed(page, 'Your new password is set.');
  const { email } = await api(await tokenOf(ada.name, THIRD), 'GET', '/users/me');
  check('the link of the notice brings the old address back', email === ada.email, email);
}

async function leaves(page) {
  await page.goto(at('login'));
  await logsIn(page, ada.email, THIRD);
  await heading(page, 'Profile');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download my data' }).click()]);
  const mine = JSON.parse(readFileSync(await file.path(), 'utf8'));
  check('the data can be taken', mine.account.username === ada.name, JSON.stringify(mine.account));
  await page.locator('summary').click();
  await fill(page.locator('details'), 'Current password', THIRD);
  await press(page, 'Close my account');
  await heading(page, 'Log in');
  await logsIn(page, ada.email, THIRD);
  await page.locator('[aria-invalid]').first().waitFor();
  check('a closed account does not log in', true);
}

// Refusals of the forms are part of the test.
const refusals = (status, path) => [401, 422].includes(status) && /^\/api\/v1\/(auth|users)\//.test(path);

async function byKeyboard(browser) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', viewport: { width: 1280, height: 900 } });
  const { page, troubles } = await watched(context, demo.https, refusals);
  await comesToTheHandbook(page);
  await registers(page);
  await confirms(page);
  await fillsIn(page);
  await switches(page);
  await moves(page);
  const factor = await setsUpFactor(page);
  await usesFactor(page, factor);
  await changesFactor(page, factor);
  await makesKeys(page);
  await changesPassword(page);
  await comesBack(page);
  await endsSessions(page);
  await forgets(page);
  await takesBack(page);
  await leaves(page);
  check('the walk by keyboard had no errors, refusals of the policy or foreign requests', troubles.length === 0, troubles.join(' | '));
  await context.close();
}

// --- an invitation on a phone, and addresses that lead elsewhere ---

const grace = { name: `grace${mark}`, email: `grace${mark}@example.org` };

async function invites() {
  const { username, password } = account('instructor');
  const token = await tokenOf(username, password);
  const { id } = await api(token, 'POST', '/organizations', { name: `Analysts ${mark}`, slug: `analysts-${mark}` });
  await api(token, 'POST', `/organizations/${id}/invitations`, { email: grace.email, role: 'member' });
  return { id, token };
}

async function acceptsInvitation(page) {
  await page.goto(await mailedLink(grace.email, 'accept-invitation'));
  await heading(page, 'Accept an invitation');
  await audit(page, 'an invitation on a phone');
  await page.getByRole('link', { name: 'Register' }).tap();
  await heading(page, 'Register');
  await fill(page, 'E-mail address', grace.email);
  await fill(page, 'Username', grace.name);
  await fill(page, 'Password', PASSWORD);
  await page.getByRole('button', { name: 'Register' }).tap();
  await page.getByRole('link', { name: 'Continue' }).tap();
  await heading(page, 'Accept an invitation');
  await page.getByRole('button', { name: 'Accept' }).tap();
  await noticed(page, `You are a member now: Analysts ${mark}`);
  check('an invitation is accepted by somebody who registers on the way', true);
}

// Each of these is another host for some browser or some careless script. None of them may be where a login or a button leads.
const ELSEWHERE = ['//evil.example/', '/\\evil.example/', '/\t/evil.example/', '/.//evil.example/', '/a/..//evil.example/', '\\\\evil.example', 'https://evil.example/',
  'https:evil.example', 'javascript:alert(1)', 'data:text/html,x', ' //evil.example', '/\n/evil.example', `//${new URL(demo.https).host}@evil.example/`, ''];

async function staysHere(page) {
  const left = [];
  for (const text of ELSEWHERE) {
    await page.goto(`${at('login')}?next=${encodeURIComponent(text)}`);
    await page.getByText('You are logged in as').waitFor();
    const to = await page.getByRole('link', { name: 'Continue' }).evaluate((link) => link.href);
    if (new URL(to).origin !== new URL(demo.https).origin || /^https:\/\/evil/.test(to)) left.push(`${JSON.stringify(text)} → ${to}`);
  }
  check('no address of the login leads to another site', left.length === 0, left.join(', '));
  await page.goto(`${at('login')}?next=${encodeURIComponent('/.//evil.example/')}`);
  await page.getByRole('button', { name: 'Log in as somebody else' }).tap();
  await page.getByLabel('Password').waitFor();
  await fill(page, 'E-mail address or username', grace.name);
  await fill(page, 'Password', PASSWORD);
  const onto = page.waitForURL((url) => !url.pathname.startsWith('/account/login'));
  await page.getByRole('button', { name: 'Log in' }).tap();
  await onto;
  check('nor does the login itself', new URL(page.url()).origin === new URL(demo.https).origin, page.url());
}

async function fitsPhones(page) {
  for (const path of ['profile', 'security', 'sessions', 'nowhere']) {
    await page.goto(at(path));
    await page.locator('h1').waitFor();
    for (const code of LANGUAGES) {
      await page.locator('#header select').selectOption(code);
      await page.waitForFunction((wanted) => document.documentElement.lang === wanted, code);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wider > 0) check(`${path}, ${code}: nothing is wider than 320 pixels`, false, wider);
    }
    await audit(page, `${path} on a phone`);
  }
  await page.locator('#header select').selectOption('en');
}

// The last of the addresses above is of this site, where nothing is.
const lost = (status, path) => refusals(status, path) || (status === 404 && ['//evil.example/', '/favicon.ico'].includes(path));

async function byTouch(browser) {
  const organization = await invites();
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true });
  const { page, troubles } = await watched(context, demo.https, lost);
  await acceptsInvitation(page);
  await fitsPhones(page);
  await staysHere(page);
  check('the walk on a phone had no errors, refusals of the policy or foreign requests', troubles.length === 0, troubles.join(' | '));
  await context.close();
  await api(organization.token, 'DELETE', `/organizations/${organization.id}`);
}

// --- what servers may be like ---

// A server that lets nobody register, and one that sets no cookie.
async function elsewhere(browser) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' });
  const page = await context.newPage();
  await page.goto(at('login'));
  await page.getByText('No account yet?').waitFor();
  await context.route('**/auth/register', (route) => route.fulfill({ status: 403, contentType: 'application/problem+json', body: '{"detail":"closed"}' }));
  await page.goto(at('login'));
  await page.getByText('Forgot your password?').waitFor();
  check('where nobody may register, the login does not offer it', (await page.getByText('No account yet?').count()) === 0);
  await context.route('**/auth/login', (route) => route.fulfill({ contentType: 'application/json', body: '{"access_token":"x"}' }));
  const ended = page.waitForRequest('**/auth/logout');
  await logsIn(page, grace.name, PASSWORD);
  await page.getByText('the server has set no cookie').waitFor();
  check('without a cookie the login says so, and gives the session back', (await ended).headers().authorization === 'Bearer x');
  await context.route('**/auth/login', (route) => route.abort());
  await press(page, 'Log in');
  await page.getByText('The server cannot be reached.').waitFor();
  check('a lost connection is said', (await focused(page)).startsWith('The server cannot be reached.'), await focused(page));
  await context.close();
}

// --- the language of brackets ---

// Texts and labels that are neither in brackets nor data of people and servers.
const unbracketed = (page) => page.evaluate(() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const free = node.parentElement.closest('[translate="no"], script, style, noscript');
    if (!free && /\p{L}/u.test(node.data.replace(/⟦[^⟧]*⟧/g, ''))) found.push(node.data.trim());
  }
  for (const element of document.body.querySelectorAll('*')) {
    for (const name of ['aria-label', 'title', 'alt', 'placeholder', 'aria-description']) {
      const text = element.getAttribute(name);
      if (text && !/^⟦.*⟧$/.test(text)) found.push(`${name}=${text}`);
    }
  }
  if (!/^⟦.*⟧$/.test(document.title)) found.push(`title ${document.title}`);
  return found;
});

async function inBrackets(browser) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB' });
  const english = await table('en');
  const bracketed = Object.fromEntries(Object.entries(english).map(([key, text]) => [key, `⟦${text}⟧`]));
  await context.route('**/text-en.js', (route) => route.fulfill({ contentType: 'text/javascript', body: `export default ${JSON.stringify(bracketed)};` }));
  const page = await context.newPage();
  const found = [];
  const look = async (path) => {
    await page.goto(at(path));
    await page.locator('h1').waitFor();
    found.push(...(await unbracketed(page)).map((text) => `${path}: ${text}`));
  };
  const open = ['login', 'register', 'forgot-password', 'reset-password', 'verify-email', 'undo-email-change', 'accept-invitation', 'nowhere'];
  for (const path of open) await look(path);
  await page.goto(at('login'));
  await page.locator('[name=name]').fill(grace.name);
  await page.locator('[name=password]').fill(PASSWORD);
  await page.locator('form button').click();
  await page.waitForURL(at('profile'));
  for (const path of ['profile', 'security', 'sessions', 'accept-invitation', 'login', 'login?reason=mfa']) await look(path);
  await page.goto(at('security'));
  await page.locator('section').nth(1).locator('[type=password]').fill(PASSWORD);
  await page.locator('section').nth(1).locator('button').click();
  await page.locator('.qr').waitFor();
  found.push(...await unbracketed(page));
  check('no text stands outside of the tables', found.length === 0, found.join(' | '));
  await context.close();
}

const from = Date.now();
await texts();
const browser = await chromium.launch({ executablePath: process.env.FORGE_CHROMIUM });
try {
  // They mostly wait for mails and pages, so those beside the long one run meanwhile.
  const runs = async (walks) => {
    for (const walk of walks) await walk(browser).catch((error) => check(`the walk ${walk.name}`, false, error.message));
  };
  await Promise.all([runs([byKeyboard]), runs([byTouch, elsewhere, inBrackets])]);
} finally {
  await browser.close();
}
console.log(`took ${Math.round((Date.now() - from) / 1000)} s`);
finish();
