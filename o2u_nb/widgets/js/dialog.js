// A dialog above the whole page, so that it has room for all of it whatever the height of the grid.
// While it is open, nothing behind it can be pressed.

import { make } from "./elements.js";

/**
 * Make such a dialog, closed.
 * @param {string} name of its class in the style sheet
 * @param {string} label that a screen reader says
 * @param {...(Node | string)} children
 */
export function dialogOf(name, label, ...children) {
  const attributes = { class: `o2u-dialog ${name}`, "aria-label": label };
  const node = make("dialog", attributes, ...children);
  // The grid closes it on Escape; the browser would do so without moving the focus.
  node.addEventListener("cancel", (event) => event.preventDefault());
  return node;
}
