// A line of text that is read aloud whenever Python changes it.

/**
 * The widget's model, as anywidget hands it over.
 * @typedef {object} Model
 * @property {(name: "message" | "restarted") => string} get
 * @property {(event: string, handler: () => void) => void} on
 */

/** @param {{ model: Model, el: HTMLElement }} given by anywidget */
function render({ model, el }) {
  el.classList.add("o2u-status");
  el.setAttribute("role", "status");
  el.setAttribute("aria-live", "polite");
  const show = () => { el.textContent = model.get("message"); };
  model.on("change:message", show);
  // The connection to the kernel ends when that is restarted; then no button does anything.
  model.on("comm_live_update", () => {
    const said = model.get("restarted");
    if (said) el.textContent = said;
  });
  show();
}

export default { render };
