// SPDX-License-Identifier: Apache-2.0
// What the account says about a person, its address, and the ways to take the data or to leave.
import { choice, data, field, form, h, notice, password, replace, say, whose } from './dom.js';
import { me, readMe, send } from './api.js';
import { forgetChoice, languages, t, use, wanted } from './language.js';
import { resend } from './tokens.js';

const AVATAR = { width: 96, height: 96, class: 'avatar', alt: '' };

// Empty means nothing is there any more, but for the username, which every account has.
const changes = (values) => Object.fromEntries(['username', 'full_name', 'bio', 'avatar_url', 'locale', 'timezone']
  .filter((name) => values[name] !== undefined || name !== 'username').map((name) => [name, values[name] ?? null]));

// The page's policy shows pictures of this server only.
const picture = () => me.avatar_url && URL.canParse(me.avatar_url) && new URL(me.avatar_url).origin === location.origin && h('img', { ...AVATAR, src: me.avatar_url });

// A value that the account has is among the options, whoever has set it.
const withOwn = (options, value) => (value && !options.some(([code]) => code === value) ? [...options, [value, data(value)]] : options);

function person() {
  const names = Object.entries(languages).map(([code, name]) => [code, name, { lang: code, translate: 'no' }]);
  const zones = Intl.supportedValuesOf('timeZone').map((zone) => [zone, zone, { translate: 'no' }]);
  const again = { autocapitalize: 'off', spellcheck: 'false' };
  return form([field(t('username'), 'username', { value: me.username, autocomplete: 'username', required: true, ...again }),
    field(t('fullName'), 'full_name', { value: me.full_name ?? '', autocomplete: 'name' }),
    field(t('profile.bio'), 'bio', { kind: 'textarea', rows: 4, children: [me.bio ?? ''] }),
    field(t('profile.avatar'), 'avatar_url', { hint: t('profile.avatarHint'), type: 'url', value: me.avatar_url ?? '', autocomplete: 'photo', ...again }), picture(),
    choice(t('profile.locale'), 'locale', withOwn([['', t('profile.asBrowser')], ...names], me.locale), { value: me.locale ?? '', autocomplete: 'language' }),
    choice(t('profile.timezone'), 'timezone', withOwn([['', t('profile.noZone')], ...zones], me.timezone), { value: me.timezone ?? '' })],
  t('save'), async (values, element) => {
    await send('PATCH', '/users/me', changes(values));
    await readMe();
    forgetChoice();
    await use(wanted(me.locale));
    document.querySelector('header select').value = document.documentElement.lang;
    document.querySelector('header .name').textContent = me.username;
    element.querySelector('.avatar')?.remove();
    if (picture()) element.querySelector('[name=avatar_url]').closest('.field').after(picture());
    say(t('profile.saved'));
    element.querySelector(':scope > .notice')?.remove();
    element.append(notice(t('profile.saved')));
  });
}

function address() {
  return h('section', {}, h('h2', {}, t('email')), h('p', {}, data(me.email), ' ', h('span', { class: me.email_verified ? 'here' : 'here bad' }, me.email_verified ? t('email.verified') : t('email.unverified'))),
    !me.email_verified && h('p', {}, resend()),
    form([whose(), field(t('email.new'), 'email', { type: 'email', autocomplete: 'email', required: true }), password(t('password.current'), 'current_password', 'current-password')],
      t('email.submit'), async ({ email = '', ...rest }, element) => {
        await send('PATCH', '/users/me', { email, ...rest });
        replace(element, notice(t('email.sent', { email })));
      }));
}

function departure() {
  return h('section', {}, h('h2', {}, t('data.title')), h('p', {}, t('data.text')),
    h('p', { class: 'buttons' }, h('a', { class: 'button', href: '/api/v1/users/me/export', download: 'my-data.json' }, t('data.export'))),
    h('details', {}, h('summary', {}, t('close.title')), h('p', {}, t('close.text')),
      form([whose(), password(t('password.current'), 'password', 'current-password')], t('close.submit'), async (values) => {
        await send('DELETE', '/users/me', { password: '', ...values });
        location.assign('login');
      }, { danger: true })));
}

export const profile = () => [person(), address(), departure()];
