// The keys of a panel stay in the panel. JupyterLab listens to the whole page, before any element
// does, and acts on single keys: "d d" deletes the cell. It leaves a key alone when the element
// with the focus lies in one that says so. So the root of a panel says so, a click on anything in
// it moves the focus into it, and the focus is never lost to the page while it was in the panel.

import { isCharacter, isSave } from "./keys.js";

export const PANEL = ".o2u-panel"; // see parts/panel.py

/** What a key does here is up to the field itself. */
const FIELDS = [
  "input:not([type=checkbox])", "select", "textarea", "[contenteditable=true]", "[role=slider]",
  "[role=combobox]", "[role=textbox]", "[role=spinbutton]",
].join();
const PRESSED = "button, a[href], summary, input[type=checkbox], [role=button], [role=tab]";
const PRESSES = [" ", "Enter"];
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

/**
 * Say whether an element is one to type or choose in, which needs all keys for itself.
 * @param {Element} target
 */
export const isField = (target) => target.closest(FIELDS) !== null;

/**
 * Say whether the element with the focus handles a key itself: a field handles all of them, a
 * button those that press it, and a tab also those that go to its neighbours.
 * @param {Element} target
 * @param {KeyboardEvent} event
 */
export function isTaken(target, { key }) {
  if (isField(target)) return true;
  if (PRESSES.includes(key)) return target.closest(PRESSED) !== null;
  return ARROWS.includes(key) && target.closest("[role=tab]") !== null;
}

/**
 * Keep the keys and the focus of `root`, until the function that is returned is called. `pressed`
 * is called with each key press in it. A panel inside another one leaves its keys to the outer one.
 * @param {HTMLElement} root
 * @param {(event: KeyboardEvent) => void} pressed
 * @returns {() => void}
 */
export function guard(root, pressed) {
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  if (!root.hasAttribute("tabindex")) root.tabIndex = -1; // so that a click on text focuses it
  const listening = new AbortController(), { signal } = listening;
  root.addEventListener("keydown", (event) => {
    if (root.matches(PANEL) && root.parentElement?.closest(PANEL)) return;
    event.stopPropagation();
    if (event.defaultPrevented || event.isComposing || event.key === "Tab") return;
    pressed(event);
    // Nor may the browser act on a key of ours: Ctrl + S would save the page, Space would scroll.
    const target = /** @type {Element} */ (event.target);
    if (isSave(event) || (isCharacter(event) && !isTaken(target, event))) event.preventDefault();
  }, { signal });
  keepFocus(root, signal);
  return () => listening.abort();
}

/**
 * Hold the focus in `root` once it is there, until it is moved elsewhere on purpose.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
function keepFocus(root, signal) {
  let isHeld = false;
  const focus = () => root.focus({ preventScroll: true });
  const isInside = () => root.contains(document.activeElement);
  root.addEventListener("pointerdown", () => {
    // Plots and tab bars keep a click from moving the focus, which then stays in another cell.
    setTimeout(() => { if (root.isConnected && !isInside()) focus(); }, 0);
  }, { capture: true, signal });
  document.addEventListener("focusin", () => { isHeld = isInside(); }, { signal });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!root.contains(/** @type {Node} */ (target))) isHeld = false;
  }, { capture: true, signal });
  // A button that is disabled or taken away while it has the focus leaves it to the page.
  const observer = new MutationObserver(() => {
    const active = document.activeElement;
    const isLost = !active || active === document.body || active.matches(":disabled");
    if (isHeld && isLost && root.isConnected) focus();
  });
  observer.observe(root, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["disabled", "hidden"],
  });
  signal.addEventListener("abort", () => observer.disconnect());
}
