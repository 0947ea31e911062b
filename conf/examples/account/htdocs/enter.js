// SPDX-License-Identifier: Apache-2.0
// Ways in: login with its second step, registration, and the mail for a forgotten password.
import { box, button, field, form, h, link, notice, password, replace } from './dom.js';
import { cookie, goOn, keep, mayRegister, me, next, post } from './api.js';
import { t } from './language.js';

const onward = () => (new URLSearchParams(location.search).get('next') ? `?next=${encodeURIComponent(new URLSearchParams(location.search).get('next'))}` : '');

const codeField = () => field(t('code'), 'code', { hint: t('code.hint'), autocomplete: 'one-time-code', autocapitalize: 'off', spellcheck: 'false',
  required: true });

// The second step. mfa_token is good for five minutes and five tries; then the password is asked again.
function secondStep(mfaToken) {
  return form([h('p', {}, t('login.second')), codeField()], t('login.submit'), async (values) => {
    const before = cookie();
    await keep(await post('/auth/mfa/verify', { mfa_token: mfaToken, code: '', ...values }), before);
    goOn();
  });
}

// Content that wants a second factor (Require forge-mfa) sends here a session that has none.
function stepUp() {
  if (!me.mfa_enabled) return [h('p', {}, t('login.factorWanted')), h('p', { class: 'buttons' }, link('security', t('login.setUp'), { class: 'button' }))];
  return [h('p', {}, t('login.stepUp')), form([codeField()], t('continue'), async (values) => {
    await post('/auth/mfa/verify', { code: '', ...values });
    goOn();
  })];
}

// A session is no reason to go on by itself: what sent the visitor here may want another account.
function already() {
  return [notice(t('login.already', { name: me.username })), h('p', { class: 'buttons' }, link(next() ?? 'profile', t('continue'), { class: 'button' }),
    button(t('login.other'), async () => {
      await post('/auth/logout');
      location.reload();
    }, { class: 'quiet' }))];
}

export async function login() {
  const reason = new URLSearchParams(location.search).get('reason');
  if (me) return reason === 'mfa' ? stepUp() : already();
  const entry = form([field(t('login.name'), 'name', { members: 'email username', autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false', required: true }),
    password(t('password'), 'password', 'current-password')], t('login.submit'), async ({ name, ...rest }, element) => {
    const before = cookie();
    const answer = await post('/auth/login', { ...(name && { [name.includes('@') ? 'email' : 'username']: name }), ...rest });
    if (answer.mfa_required) return replace(element, secondStep(answer.mfa_token));
    await keep(answer, before);
    return goOn();
  });
  return [next() && h('p', {}, t('login.why')), entry, h('p', {}, link(`forgot-password${onward()}`, t('login.forgot'))),
    await mayRegister() && h('p', {}, t('login.none'), ' ', link(`register${onward()}`, t('register.title')))];
}

export function register() {
  return [form([field(t('email'), 'email', { type: 'email', autocomplete: 'email', required: true }),
    field(t('username'), 'username', { hint: t('register.usernameHint'), autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false' }),
    field(t('fullName'), 'full_name', { hint: t('optional'), autocomplete: 'name' }),
    password(t('password'), 'password', 'new-password', { hint: t('password.hint') }),
    box(t('register.terms'), 'accept_terms', { unseen: true }), box(t('register.privacy'), 'accept_privacy', { unseen: true })], // until the server asks
  t('register.submit'), async ({ accept_terms: terms, accept_privacy: privacy, ...rest }, element) => {
    const before = cookie();
    const answer = await post('/auth/register', { ...rest, ...(terms && { accept_terms: true }), ...(privacy && { accept_privacy: true }) });
    await keep(answer, before);
    replace(element, notice(t('register.done', { email: answer.user.email })),
      h('p', { class: 'buttons' }, link(next() ?? 'profile', t('continue'), { class: 'button' })));
  }), h('p', {}, t('register.have'), ' ', link(`login${onward()}`, t('login.title')))];
}

export function forgot() {
  return [h('p', {}, t('forgot.text')), form([field(t('email'), 'email', { type: 'email', autocomplete: 'email', required: true })], t('forgot.submit'),
    async (values, element) => {
      await post('/auth/password/forgot', values);
      replace(element, notice(t('forgot.done')), h('p', {}, link('reset-password', t('forgot.code'))));
    }), h('p', {}, link(`login${onward()}`, t('toLogin')))];
}
