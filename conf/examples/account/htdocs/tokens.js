// SPDX-License-Identifier: Apache-2.0
// Where the links of mails lead. A link only fills in the code: programs that look at mails open links too, so a person presses the button.
import { button, data, field, form, h, link, notice, password, replace } from './dom.js';
import { loginPage, me, post } from './api.js';
import { t } from './language.js';

// The code of the link. It leaves the address, so that it is not in the history, and stays with this tab until it is used: a login may come between.
function take(name) {
  const url = new URL(location.href);
  const token = url.searchParams.get('token');
  if (token) {
    sessionStorage.setItem(name, token);
    url.searchParams.delete('token');
    history.replaceState(null, '', url);
  }
  return sessionStorage.getItem(name) ?? '';
}

// A form with the code of a mail, which is asked for where no link has brought it.
function coded(name, fields, submit, work, options) {
  const token = take(name);
  const code = field(t('token'), 'token', { hint: t('token.hint'), value: token, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', required: true,
    unseen: token !== '' });
  return form([code, ...fields], submit, async (values, element) => {
    const answer = await work(values);
    sessionStorage.removeItem(name);
    return answer && replace(element, ...answer);
  }, options);
}

const login = () => h('p', { class: 'buttons' }, link(me ? 'profile' : 'login', t('continue'), { class: 'button' }));

export function resend() {
  const ask = button(t('verify.resend'), async () => {
    await post('/auth/email/resend');
    replace(ask, notice(t('verify.resent')));
  }, { class: 'quiet' });
  return ask;
}

export const verify = () => [h('p', {}, t('verify.text')), coded('verify', [], t('verify.submit'), async (values) => {
  await post('/auth/email/verify', values);
  return [notice(t('verify.done')), login()];
}), me && !me.email_verified && h('p', {}, resend())];

export const reset = () => [coded('reset', [password(t('password.new'), 'new_password', 'new-password', { hint: t('password.hint') })], t('reset.submit'), async (values) => {
  await post('/auth/password/reset', values);
  return [notice(t('reset.done')), h('p', { class: 'buttons' }, link('login', t('login.title'), { class: 'button' }))];
}), h('p', {}, link('forgot-password', t('reset.again')))];

export const undo = () => [h('p', {}, t('undo.text')), coded('undo', [], t('undo.submit'), async (values) => {
  await post('/auth/email/undo', values);
  return [notice(t('undo.done')), h('p', { class: 'buttons' }, link('forgot-password', t('undo.reset'), { class: 'button' }))];
})];

// Only the account with the invited address may accept, so somebody has to be logged in.
export function accept() {
  if (!me) {
    take('accept');
    const back = loginPage();
    return [h('p', {}, t('accept.login')), h('p', { class: 'buttons' }, link(back, t('login.title'), { class: 'button' }),
      link(back.replace('login', 'register'), t('register.title'), { class: 'button' }))];
  }
  return [h('p', {}, t('accept.text', { name: me.username })), coded('accept', [], t('accept.submit'), async (values) => {
    const { name } = await post('/organizations/invitations/accept', values);
    return [notice(t('accept.done'), ' ', data(name)), login()];
  }), h('p', {}, link(loginPage(), t('login.other')))];
}
