// A line to type a name into, with suggestions below it. A name is sent to Python when Enter is
// pressed or a suggestion is picked, and not while it is typed: who types "tiger cub" has typed
// "tiger" on the way. Nor is a name sent when the line loses the focus, since the mouse may be on
// its way to a button that decides something else.

/**
 * @typedef {object} Traits
 * @property {string[]} names
 * @property {string} placeholder
 * @property {string} hint
 * @property {boolean} disabled
 */

/**
 * The widget's model, as anywidget hands it over.
 * @typedef {object} Model
 * @property {<Name extends keyof Traits>(name: Name) => Traits[Name]} get
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (message: { kind: string }) => void) => void} on
 * @property {(event: string, handler: (message: { kind: string }) => void) => void} off
 */

/**
 * Return whether the event of an input comes from a suggestion that was picked. Browsers have two
 * ways of marking such an event.
 * @param {Event} event
 */
const isPick = (event) =>
  !(event instanceof InputEvent) || event.inputType === "insertReplacementText";

/** @param {{ model: Model, el: HTMLElement }} given by anywidget */
function render({ model, el }) {
  const field = document.createElement("input"), list = document.createElement("datalist");
  list.id = `o2u-names-${Math.random().toString(36).slice(2)}`;
  field.type = "text";
  field.autocomplete = "off";
  field.spellcheck = false;
  field.setAttribute("list", list.id);
  el.classList.add("o2u-entry");
  el.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab acts on single keys
  el.append(field, list);

  const show = () => {
    field.placeholder = model.get("placeholder");
    field.title = model.get("hint");
    field.setAttribute("aria-label", model.get("hint"));
    field.disabled = model.get("disabled");
    list.replaceChildren(...model.get("names").map((name) => new Option("", name)));
  };
  let entered = ""; // the text that was sent last
  const enter = () => {
    entered = field.value;
    if (entered.trim()) model.send({ kind: "entered", name: entered });
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && !event.repeat) enter();
  });
  field.addEventListener("input", (event) => {
    if (isPick(event) && model.get("names").includes(field.value)) enter();
  });
  /** @type {(message: { kind: string }) => void} */
  const hear = ({ kind }) => {
    // The answer of a slow kernel must not erase what was typed since.
    if (kind === "clear" && field.value === entered) field.value = "";
  };
  model.on("change", show);
  model.on("msg:custom", hear);
  show();
  return () => {
    model.off("change", show);
    model.off("msg:custom", hear);
  };
}

export default { render };
