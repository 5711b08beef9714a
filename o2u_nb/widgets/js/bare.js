// A whole panel in a front end that shows anywidgets alone. The panel's own widgets are asked for
// through `host`; those that are anywidgets draw themselves, and the plain ones of ipywidgets
// (text, buttons, fields, boxes) are drawn here, with the same messages to Python.

import { make } from "./elements.js";

/**
 * The model of any widget of the panel, as `host` hands it over.
 * @typedef {object} AnyModel
 * @property {(name: string) => any} get
 * @property {(name: string, value: unknown) => void} set
 * @property {() => void} save_changes
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (...details: any[]) => void) => void} on
 * @property {(event: string, handler: (...details: any[]) => void) => void} off
 *
 * @typedef {object} Host
 * @property {(reference: string) => Promise<AnyModel>} getModel
 * @property {(reference: string) => Promise<{ render: (where: { el: HTMLElement, signal: AbortSignal }) => Promise<void> }>} getWidget
 *
 * @typedef {{ host: Host, signal: AbortSignal }} Place
 */

const REFERENCE = "anywidget:", OF_IPYWIDGETS = "IPY_MODEL_";
const NO_HOST = "This front end shows no widget inside another one: it needs anywidget 0.11 or later.";
// Traits of a layout that are properties of CSS.
const LAYOUT = [
  "align_content", "align_items", "align_self", "border_top", "border_right", "border_bottom",
  "border_left", "bottom", "display", "flex", "flex_flow", "height", "justify_content",
  "justify_items", "left", "margin", "max_height", "max_width", "min_height", "min_width", "order",
  "overflow", "padding", "right", "top", "visibility", "width",
];

const SLOT = "display:contents"; // what is in a slot lies in the box as if without it

/** @type {(child: unknown) => string} the reference of a child, which is text or a model */
const referenceOf = (child) => REFERENCE + (typeof child === "string"
  ? child.replace(OF_IPYWIDGETS, "").replace(REFERENCE, "")
  : /** @type {{ model_id: string }} */ (child).model_id);

/** @type {(model: AnyModel, place: Place, names: string[], draw: () => void) => void} */
function follow(model, { signal }, names, draw) {
  for (const name of names) model.on(`change:${name}`, draw);
  signal.addEventListener("abort", () => names.forEach((name) => model.off(`change:${name}`, draw)));
  draw();
}

/** @type {(model: AnyModel, name: string, value: unknown) => void} */
function tell(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

/** @type {(pressed: () => void, text?: string) => HTMLButtonElement} */
const press = (pressed, text = "") =>
  make("button", { type: "button", class: "o2u-bare-button", onclick: pressed }, text);

/** @type {(model: AnyModel, place: Place) => HTMLElement} */
function html(model, place) {
  const node = make("div");
  follow(model, place, ["value"], () => {
    node.innerHTML = model.get("value");
  });
  return labelled(model, place, node);
}

/** @type {(model: AnyModel, place: Place) => HTMLElement} */
function pushButton(model, place) {
  const node = press(() => model.send({ event: "click" }));
  follow(model, place, ["description", "tooltip", "disabled"], () => {
    node.textContent = model.get("description");
    node.title = model.get("tooltip") ?? "";
    node.disabled = model.get("disabled");
  });
  return node;
}

/** @type {(model: AnyModel, place: Place) => HTMLElement} */
function toggle(model, place) {
  const node = press(() => tell(model, "value", !model.get("value")));
  follow(model, place, ["description", "tooltip", "disabled", "value"], () => {
    node.textContent = model.get("description");
    node.title = model.get("tooltip") ?? "";
    node.disabled = model.get("disabled");
    node.setAttribute("aria-pressed", String(model.get("value")));
  });
  return node;
}

/** @type {(model: AnyModel, place: Place) => HTMLElement} a list to choose one of */
function choice(model, place) {
  const node = make("select", { onchange: () => tell(model, "index", node.selectedIndex) });
  follow(model, place, ["_options_labels", "index", "disabled"], () => {
    node.replaceChildren(.../** @type {string[]} */ (model.get("_options_labels")).map((text) =>
      make("option", {}, text)));
    node.selectedIndex = model.get("index") ?? -1;
    node.disabled = model.get("disabled");
  });
  return labelled(model, place, node);
}

/** @type {(type: string, event?: string) => (model: AnyModel, place: Place) => HTMLElement} */
const field = (type, event = "change") => (model, place) => {
  const isNumber = type === "number" || type === "range", isBox = type === "checkbox";
  const node = make("input", { type });
  node.addEventListener(event, () =>
    tell(model, "value", isBox ? node.checked : isNumber ? Number(node.value) : node.value));
  follow(model, place, ["value", "min", "max", "step", "disabled"], () => {
    if (isNumber) for (const name of ["min", "max", "step"]) {
      node.setAttribute(name, String(model.get(name) ?? "any"));
    }
    if (isBox) node.checked = model.get("value");
    else node.value = String(model.get("value"));
    node.disabled = model.get("disabled");
  });
  return labelled(model, place, node);
};

/** @type {(model: AnyModel, place: Place, node: HTMLElement) => HTMLElement} */
function labelled(model, place, node) {
  const text = make("span"), label = make("label", { class: "o2u-bare-field" }, text, node);
  follow(model, place, ["description"], () => {
    text.textContent = model.get("description") ?? "";
    text.hidden = text.textContent === "";
  });
  return text.hidden && node.tagName === "DIV" ? node : label;
}

/** @type {(direction: string) => (model: AnyModel, place: Place) => HTMLElement} */
const box = (direction) => (model, place) => {
  const node = make("div");
  node.style.cssText = `display:flex;flex-direction:${direction};min-width:0`;
  fill(model, place, node);
  return node;
};

/** @type {(model: AnyModel, place: Place, node: HTMLElement) => void} */
function fill(model, { host, signal }, node) {
  let inside = new AbortController();
  follow(model, { host, signal }, ["children"], async () => {
    inside.abort();
    const mine = inside = new AbortController();
    signal.addEventListener("abort", () => mine.abort());
    const children = /** @type {unknown[]} */ (model.get("children"));
    const slots = children.map(() => make("div", { style: SLOT }));
    node.replaceChildren(...slots); // first, since the style of a widget goes where it is drawn
    await Promise.all(children.map((child, k) =>
      view(referenceOf(child), { host, signal: mine.signal }, slots[k])));
  });
}

/** @type {(model: AnyModel, place: Place) => HTMLElement} pages, one of which is shown */
function tabs(model, place) {
  const bar = make("div"), pages = make("div"), node = make("div", {}, bar, pages);
  bar.setAttribute("role", "tablist");
  fill(model, place, pages);
  const show = () => {
    const chosen = model.get("selected_index") ?? -1;
    [...bar.children].forEach((tab, k) => tab.setAttribute("aria-selected", String(k === chosen)));
    [...pages.children].forEach((page, k) => {
      /** @type {HTMLElement} */ (page).style.display = k === chosen ? "contents" : "none";
    });
  };
  follow(model, place, ["titles"], () => {
    bar.replaceChildren(.../** @type {string[]} */ (model.get("titles") ?? []).map((title, k) => {
      const tab = press(() => tell(model, "selected_index", k), title);
      tab.setAttribute("role", "tab");
      return tab;
    }));
  });
  follow(model, place, ["selected_index"], show);
  const watch = new MutationObserver(show);
  watch.observe(pages, { childList: true });
  place.signal.addEventListener("abort", () => watch.disconnect());
  return node;
}

/** @type {Record<string, (model: AnyModel, place: Place) => HTMLElement>} */
const VIEWS = {
  HTMLModel: html, ButtonModel: pushButton, ToggleButtonModel: toggle, DropdownModel: choice,
  ToggleButtonsModel: choice, SelectionSliderModel: choice, TextModel: field("text"),
  CheckboxModel: field("checkbox"), BoundedIntTextModel: field("number"),
  BoundedFloatTextModel: field("number"), IntSliderModel: field("range"),
  FloatSliderModel: field("range"), BoxModel: box("row"), HBoxModel: box("row"),
  VBoxModel: box("column"), TabModel: tabs,
};

/** @type {(reference: string, place: Place, into: HTMLElement) => Promise<void>} */
async function view(reference, place, into) {
  const model = await place.host.getModel(reference), name = model.get("_model_name");
  if (place.signal.aborted) return;
  if (name === "AnyModel") {
    const node = make("div"), widget = await place.host.getWidget(reference);
    into.append(node);
    await lay(model, place, node);
    await widget.render({ el: node, signal: place.signal });
  } else if (name in VIEWS) {
    const node = VIEWS[name](model, place);
    into.append(node);
    await lay(model, place, node);
  } else into.append(`(${name} is not shown here)`);
}

/** @type {(model: AnyModel, place: Place, node: HTMLElement) => Promise<void>} */
async function lay(model, place, node) {
  node.classList.add(.../** @type {string[]} */ (model.get("_dom_classes") ?? []));
  if (!model.get("layout")) return;
  const layout = await place.host.getModel(referenceOf(model.get("layout")));
  const own = node.style.cssText;
  follow(layout, place, LAYOUT, () => {
    node.style.cssText = own;
    for (const name of LAYOUT) {
      const value = layout.get(name);
      if (value) node.style.setProperty(name.replaceAll("_", "-"), value);
    }
  });
}

/** @param {{ model: AnyModel, el: HTMLElement, host?: Host, signal: AbortSignal }} given by anywidget */
async function render({ model, el, host, signal }) {
  if (host) await view(referenceOf(model.get("panel")), { host, signal }, el);
  else el.append(NO_HOST);
}

export default { render };
