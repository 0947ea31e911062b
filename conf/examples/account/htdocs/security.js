// SPDX-License-Identifier: Apache-2.0
// Password, second factor and API keys.
import { button, choice, data, field, form, h, notice, password, replace, say, whose } from './dom.js';
import { all, me, post, readMe, send } from './api.js';
import { t, when } from './language.js';

const proof = (member = 'password') => password(t('password.current'), member, 'current-password');
const code = () => field(t('code'), 'code', { autocomplete: 'one-time-code', autocapitalize: 'off', spellcheck: 'false', required: true });

function passwordPart() {
  return h('section', {}, h('h2', {}, t('password')),
    form([whose(), proof('current_password'), password(t('password.new'), 'new_password', 'new-password', { hint: t('password.hint') })], t('password.submit'),
      async (values, element) => {
        await post('/auth/password/change', values);
        replace(element, notice(t('password.changed')));
      }));
}

// --- the second factor ---

const codes = (list) => [notice(t('factor.codes')), h('ul', { class: 'codes' }, list.map((one) => h('li', {}, data(one, { class: 'secret' }))))];

// The server draws the code; it is parsed, not written into the page, and only an image is taken.
function drawing(svg) {
  const image = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  return h('div', { class: 'qr', role: 'img', 'aria-label': t('factor.qr') }, document.importNode(image, true));
}

function setUp(part, { factor_id: id, secret, qr_svg: svg }) {
  const step = h('div', {}, h('p', {}, t('factor.scan')), drawing(svg), h('p', {}, t('factor.type')), h('p', {}, data(secret, { class: 'secret' })),
    form([code()], t('factor.verify'), async (values) => {
      const { backup_codes: list } = await post('/auth/mfa/verify', { factor_id: id, code: '', ...values });
      await readMe();
      replace(part, factor(list));
      say(t('factor.on'));
    }));
  return step;
}

function withFactor(list) {
  const change = (submit, path, danger, then) => form([whose(), proof(), code()], submit, async (values, element) =>
    then(await post(path, { password: '', code: '', ...values }), element), { danger });
  return [list ? codes(list) : h('p', {}, t('factor.on')),
    h('details', {}, h('summary', {}, t('factor.newCodes')), h('p', {}, t('factor.newCodesText')),
      change(t('factor.newCodes'), '/auth/mfa/backup-codes', false, (answer, element) => replace(element, codes(answer.backup_codes)))),
    h('details', {}, h('summary', {}, t('factor.disable')), change(t('factor.disable'), '/auth/mfa/disable', true, async (answer, element) => {
      await readMe();
      replace(element.closest('section'), factor());
    }))];
}

function factor(list) {
  const part = h('section', {}, h('h2', { tabindex: -1 }, t('factor.title')));
  part.append(...[me.mfa_enabled ? withFactor(list) : [h('p', {}, t('factor.off')),
    form([whose(), proof()], t('factor.begin'), async (values, element) => replace(element, setUp(part, await post('/auth/mfa/setup', values))))]].flat(Infinity));
  return part;
}

// --- API keys ---

const scopes = (key) => (key.scopes.includes('write') ? t('keys.write') : t('keys.read'));

function keyCard(key, gone) {
  const card = h('li', { class: 'card' }, h('div', {}, h('strong', { translate: 'no' }, key.name), ' ', data(`fk_${key.prefix}…`),
    h('p', { class: 'note' }, scopes(key), ' · ', key.expires_at ? t('keys.expires', { at: when(key.expires_at) }) : t('keys.never')),
    h('p', { class: 'note' }, key.last_used_at ? t('keys.used', { at: when(key.last_used_at) }) : t('keys.unused'))),
  h('div', { class: 'buttons' }, button(t('keys.delete'), async () => {
    await send('DELETE', `/auth/api-keys/${key.id}`);
    card.remove();
    gone();
  }, { class: 'quiet', 'aria-label': t('keys.deleteOne', { name: key.name }) })));
  return card;
}

async function keys() {
  const list = h('ul', { class: 'cards' });
  const heading = h('h2', { tabindex: -1 }, t('keys.title'));
  const none = h('p', {}, t('keys.none'));
  const gone = () => {
    none.hidden = list.children.length > 0;
    heading.focus();
    say(t('keys.deleted'));
  };
  list.append(...(await all('/auth/api-keys')).map((key) => keyCard(key, gone)));
  none.hidden = list.children.length > 0;
  const made = h('div', {});
  const make = form([whose(), field(t('keys.name'), 'name', { required: true, autocomplete: 'off' }),
    choice(t('keys.scopes'), 'scopes', [['read', t('keys.read')], ['write', t('keys.write')]], { value: 'read' }),
    field(t('keys.days'), 'expires_in_days', { hint: t('keys.daysHint'), type: 'number', min: 1, max: 3650, value: 90, inputmode: 'numeric' }), proof()],
  t('keys.create'), async ({ scopes: scope, expires_in_days: days, ...values }, element) => {
    const { key, ...row } = await post('/auth/api-keys', { ...values, scopes: scope === 'write' ? ['read', 'write'] : ['read'], ...(days && { expires_in_days: Number(days) }) });
    list.prepend(keyCard(row, gone));
    none.hidden = true;
    element.reset();
    const shown = notice(t('keys.made'), ' ', data(key, { class: 'secret' }));
    made.replaceChildren(shown);
    shown.focus();
  });
  return h('section', {}, heading, h('p', {}, t('keys.text')), made, list, none, h('details', {}, h('summary', {}, t('keys.new')), make));
}

export const security = async () => [passwordPart(), factor(), await keys()];
