// Small parts of the page. Names and ids are other people's text, so text reaches the page through
// `append` and `textContent` only, never as HTML.

/** @typedef {string | number | boolean | null | ((event: any) => void)} Attribute */

/**
 * Make an element. A function is a handler of the event that its name tells, as in `onclick`; true
 * sets an attribute that has no value; false and null leave it out.
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
 * Write text into an element, if it is not there yet.
 * @param {HTMLElement} node
 * @param {string} text
 * @param {string} title shown when the mouse rests on the element
 */
export function write(node, text, title = text) {
  if (node.textContent !== text) node.textContent = text;
  if (node.title !== title) node.title = title;
}

/**
 * Make a list to choose from; `chosen` hears the index.
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
 * Put names into a list to choose from, in place of those that are there.
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
 * Make a button that says which filter is set by another panel, and clears it.
 * @param {() => void} pressed
 */
export const chip = (pressed) => button("", "Show all again", pressed, "o2u-chip");

/**
 * Let a chip say `text`, or hide it where there is nothing to say.
 * @param {HTMLElement} node
 * @param {string | null} text
 */
export function showChip(node, text) {
  node.hidden = !text;
  if (text) write(node, `${text} ✕`, `${text}. Press to show all again.`);
}
