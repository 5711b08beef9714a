// The guard of a panel made of several widgets: it takes up no room, and finds the panel that it is
// in. A panel with a grid in it has one owner of keys, the grid: it carries out the keys that are
// pressed anywhere in the panel.

import { PANEL, guard, isTaken } from "./guard.js";

/**
 * Hand a key on to the grid in `root`, if there is one and the element with the focus lets it go.
 * @param {HTMLElement} root
 * @param {KeyboardEvent} event
 */
function handOn(root, event) {
  const grid = root.querySelector(".o2u-grid");
  if (!grid || isTaken(/** @type {Element} */ (event.target), event)) return;
  grid.dispatchEvent(new CustomEvent("o2u-key", { detail: event }));
}

/** @param {{ el: HTMLElement }} given by anywidget */
function render({ el }) {
  let waiting = 0, release = () => {};
  el.style.display = "none";
  // A widget is drawn before it is put into its panel.
  const find = () => {
    const root = /** @type {HTMLElement | null} */ (el.closest(PANEL));
    if (root) release = guard(root, (event) => handOn(root, event));
    else waiting = requestAnimationFrame(find);
  };
  find();
  return () => {
    cancelAnimationFrame(waiting);
    release();
  };
}

export default { render };
