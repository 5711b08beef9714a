// The slider of a threshold. While it moves, pictures beside it show what is on either side, and
// Python answers with the counts; the threshold itself is set where the slider is let go.

import { make } from "./elements.js";
import { Previews } from "./preview.js";
import { keepKeys } from "./shield.js";

/**
 * @typedef {object} SliderTraits
 * @property {number} low
 * @property {number} high
 * @property {number} value
 * @property {string} label
 */

/**
 * The widget's model, as anywidget hands it over.
 * @typedef {object} SliderModel
 * @property {<Name extends keyof SliderTraits>(name: Name) => SliderTraits[Name]} get
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (...details: any[]) => void) => void} on
 * @property {(event: string, handler: (...details: any[]) => void) => void} off
 */

const STEPS_FROM_END_TO_END = 400; // about one for each pixel

/** @param {{ model: SliderModel, el: HTMLElement }} given by anywidget */
function render({ model, el }) {
  const previews = new Previews(model);
  const field = make("input", { type: "range" }), readout = make("output");
  const label = make("span");
  el.classList.add("o2u-slider");
  keepKeys(el);
  el.append(make("label", {}, label, field), readout);

  /** Return where the slider stands; its last step before an end is the end itself. */
  const at = () => {
    const low = model.get("low"), high = model.get("high"), x = Number(field.value);
    const half = (high - low) / STEPS_FROM_END_TO_END / 2;
    return x > high - half ? high : x < low + half ? low : x;
  };
  let isHeld = false; // it has moved, and Python does not know where to yet
  const write = () => { readout.textContent = at().toFixed(3); };
  const show = () => {
    label.textContent = model.get("label");
    if (isHeld) return;
    const low = model.get("low"), high = model.get("high"), value = model.get("value");
    const options = { min: low, max: high, step: (high - low) / STEPS_FROM_END_TO_END || 1 };
    for (const [name, option] of Object.entries(options)) field.setAttribute(name, String(option));
    field.value = String(value); // rounded to a whole step, which Python never hears of
    readout.textContent = value.toFixed(3);
  };
  previews.shown = ({ title }) => field.setAttribute("aria-valuetext", title);
  field.addEventListener("input", () => {
    isHeld = true;
    write();
    previews.show({ kind: "moving", x: at() }, field.getBoundingClientRect());
  });
  field.addEventListener("change", () => {
    model.send({ kind: "dropped", x: at() });
  });
  field.addEventListener("pointerleave", ({ buttons }) => { if (!buttons) previews.hide(); });
  field.addEventListener("blur", () => previews.hide());
  field.addEventListener("keydown", (event) => { if (event.key === "Escape") previews.hide(); });
  /** @param {{ kind: string }} message */
  const hear = ({ kind }) => {
    if (kind !== "placed") return;
    isHeld = false;
    show();
  };
  model.on("change", show);
  model.on("msg:custom", hear);
  show();
  return () => {
    model.off("change", show);
    model.off("msg:custom", hear);
    previews.close();
  };
}

export default { render };
