// Small parts of the page. Names and ids are written by other people, so text is put on the page
// with `append` and `textContent` only, never as HTML.

/** @typedef {string | number | boolean | null | ((event: any) => void)} Attribute */

/**
 * Make an element. An attribute that is a function, such as `onclick`, handles the event of that
 * name. For true the attribute is set without a value; for false and null it is left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Attribute>} attributes
 * @param {(Node | string)[]} children
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/**
 * Write text into an element, unless it holds that text already.
 * @param {HTMLElement} node
 * @param {string} text
 * @param {string} title shown when the mouse rests on the element
 */
export function write(node, text, title = text) {
  if (node.textContent !== text) node.textContent = text;
  if (node.title !== title) node.title = title;
}

/**
 * Make a list to choose from; `chosen` is called with the index of the choice.
 * @param {string} name
 * @param {string[]} names
 * @param {(index: number) => void} chosen
 */
export function select(name, names, chosen) {
  const field = make("select", { onchange: () => chosen(field.selectedIndex) });
  offer(field, names);
  return { field, node: make("label", { class: "o2u-field" }, name, field) };
}

/**
 * Replace the names in a list to choose from.
 * @param {HTMLSelectElement} field
 * @param {string[]} names
 */
export function offer(field, names) {
  const short = names.map((text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text));
  field.replaceChildren(...short.map((text) => make("option", {}, text)));
}

/**
 * Make a box to tick.
 * @param {string} name
 * @param {(isOn: boolean) => void} changed
 */
export function checkbox(name, changed) {
  const field = make("input", { type: "checkbox", onchange: () => changed(field.checked) });
  return { field, node: make("label", { class: "o2u-field" }, field, name) };
}

/**
 * Make a button.
 * @param {string} text
 * @param {string} title
 * @param {() => void} pressed
 * @param {string} name of its class in the style sheet
 */
export function button(text, title, pressed, name = "o2u-plain") {
  const attributes = { type: "button", class: `o2u-button ${name}`, title, onclick: pressed };
  return make("button", attributes, text);
}

/**
 * Make a button that says which filter another panel has set, and clears it.
 * @param {() => void} pressed
 */
export const chip = (pressed) => button("", "Show all again", pressed, "o2u-chip");

/**
 * Show `text` on such a button, or hide the button if there is no text.
 * @param {HTMLElement} node
 * @param {string | null} text
 */
export function showChip(node, text) {
  node.hidden = !text;
  if (text) write(node, `${text} ✕`, `${text}. Press to show all again.`);
}
