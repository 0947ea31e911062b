// SPDX-License-Identifier: Apache-2.0
// The login with a Forge account: a dialog with a password, and a code where the account has a second factor.
import { login } from './api.js';
import { h, sentence } from './dom.js';

const field = (label, name, attributes) => h('p', {}, h('label', { for: `field-${name}` }, label), h('input', { id: `field-${name}`, name, required: true, ...attributes }));

// Asks who it is, and tells whether somebody is logged in now.
export function askLogin(why) {
  return new Promise((resolve) => {
    const box = h('dialog', { 'aria-labelledby': 'login-title' });
    const trouble = h('p', { class: 'alert', role: 'alert', hidden: true });
    let sending = false;
    let done = false;

    function step(text, fields, work) {
      const form = h('form', { novalidate: true, onsubmit: async (event) => {
        event.preventDefault();
        if (sending) return;
        sending = true;
        trouble.hidden = true;
        await work(Object.fromEntries(new FormData(form))).catch((problem) => {
          if (problem.status === undefined) throw problem;
          trouble.textContent = sentence(problem.message);
          trouble.hidden = false;
          form.querySelector('input:last-of-type').select();
        });
        sending = false;
      } }, text && h('p', {}, text), trouble, fields, h('p', { class: 'buttons' }, h('button', { class: 'main' }, 'Log in'), h('button', { type: 'button', onclick: () => box.close() }, 'Cancel')));
      box.replaceChildren(h('h2', { id: 'login-title' }, 'Log in'), form);
      form.querySelector('input').focus();
    }
    async function go(path, body) {
      const token = await login(path, body);
      if (token) return step('This account has a second factor.', field('Code of your authenticator app, or a backup code', 'code', { autocomplete: 'one-time-code', inputmode: 'text' }),
        ({ code }) => go('/auth/mfa/verify', { mfa_token: token, code: code.trim() }));
      done = true;
      return box.close();
    }
    box.addEventListener('close', () => {
      box.remove();
      resolve(done);
    });
    document.body.append(box);
    box.showModal();
    step(why, [field('E-mail address or username', 'name', { autocomplete: 'username', autocapitalize: 'off' }),
      field('Password', 'password', { type: 'password', autocomplete: 'current-password' })],
    ({ name, password }) => go('/auth/login', { [name.includes('@') ? 'email' : 'username']: name, password }));
  });
}
