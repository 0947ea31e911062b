// SPDX-License-Identifier: Apache-2.0
// Where the account is logged in.
import { button, data, h, say } from './dom.js';
import { all, post, send } from './api.js';
import { t, when } from './language.js';

const BROWSERS = { Edg: 'Edge', OPR: 'Opera', Firefox: 'Firefox', Chrome: 'Chrome', Safari: 'Safari' }; // the first that is named: Edge names Chrome too
const SYSTEMS = { Windows: 'Windows', Android: 'Android', iPhone: 'iPhone', iPad: 'iPad', 'Mac OS X': 'macOS', Linux: 'Linux' };

const named = (list, text) => Object.entries(list).find(([mark]) => text.includes(mark))?.[1];

// A session's own name, else what its browser says about itself.
function device({ device_name: name, user_agent: agent }) {
  if (name) return name;
  return [named(BROWSERS, agent ?? ''), named(SYSTEMS, agent ?? '')].filter(Boolean).join(' · ') || agent || '–';
}

function card(session, heading) {
  const end = session.current ? null : button(t('sessions.end'), async () => {
    await send('DELETE', `/auth/sessions/${session.id}`);
    element.remove();
    heading().focus();
    say(t('sessions.ended'));
  }, { class: 'quiet', 'aria-label': t('sessions.endOne', { device: device(session) }) });
  const element = h('li', { class: 'card' }, h('div', {}, h('strong', { translate: 'no' }, device(session)), session.current && h('span', { class: 'here' }, t('sessions.here')),
    h('p', { class: 'note' }, t('sessions.seen', { at: when(session.last_seen_at) }), ' · ', data(session.ip)),
    h('p', { class: 'note' }, t('sessions.since', { at: when(session.created_at) }))), end && h('div', { class: 'buttons' }, end));
  return element;
}

export async function sessions() {
  const heading = () => document.querySelector('h1');
  const list = await all('/auth/sessions');
  return [h('p', {}, t('sessions.text')), h('ul', { class: 'cards' }, list.map((one) => card(one, heading))),
    h('p', { class: 'buttons' }, button(t('sessions.endAll'), async () => {
      await post('/auth/logout-all');
      location.assign('login');
    }, { class: 'danger' }))];
}
