// SPDX-License-Identifier: Apache-2.0
// What the pages for people are built with.

export const present = (parts) => parts.flat(Infinity).filter((part) => part !== undefined && part !== null && part !== false && part !== '');

// An element. Texts become text nodes, so nothing that the API says is read as HTML.
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...present(children));
  return element;
}
