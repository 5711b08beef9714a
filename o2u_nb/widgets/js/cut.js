// The upright line across a plot: dragged with the mouse, or moved with the arrow keys. While it
// moves, pictures beside it show what is on either side. Python is told the place where it stays.

import { make } from "./elements.js";
import { Previews } from "./preview.js";
import { keepKeys } from "./shield.js";

/**
 * What is used of an axis of plotly.
 * @typedef {object} Axis
 * @property {number} _offset pixels
 * @property {number} _length pixels
 * @property {[number, number]} range
 * @property {(value: number) => number} d2p
 * @property {(pixels: number) => number} p2d
 */

/** @typedef {{ xaxis: Axis, _size: { t: number, h: number } }} Drawn */

/**
 * @typedef {object} CutModel
 * @property {(name: string) => any} get
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (...details: any[]) => void) => void} on
 * @property {(event: string, handler: (...details: any[]) => void) => void} off
 */

const STEPS = 200; // of an arrow key from one end of the axis to the other
/** @type {Record<string, number>} */
const MOVES = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

/**
 * Keep a value within the range of an axis.
 * @param {number} x
 * @param {[number, number]} range
 */
export const within = (x, [low, high]) => Math.max(low, Math.min(x, high));

/**
 * Draw the line of `model` over the plot in `el`. Returns functions that draw it anew after the plot
 * has been drawn, and that take it away.
 * @param {CutModel} model
 * @param {HTMLElement} el
 */
export function cutLine(model, el) {
  const previews = new Previews(model);
  const line = make("div", {
    class: "o2u-cut", tabindex: "0", role: "slider", "aria-label": "Threshold: move with the arrows",
  });
  keepKeys(line);
  /** @type {number | null} */
  let held = null; // where the line is while Python does not know of it
  const drawn = () => /** @type {{ _fullLayout?: Drawn }} */ (/** @type {unknown} */ (el))._fullLayout;
  const place = () => {
    const layout = drawn(), x = held ?? model.get("_cut");
    line.hidden = !layout?.xaxis?._length || x === null;
    if (line.hidden || !layout) return;
    const { xaxis, _size: { t, h } } = layout, left = xaxis.d2p(x);
    line.hidden = left < -1 || left > xaxis._length + 1; // the plot is zoomed to another part
    Object.assign(line.style, {
      left: `${xaxis._offset + left}px`, top: `${t}px`, height: `${h}px`,
    });
    const [low, high] = xaxis.range;
    const values = { min: low, max: high, now: x };
    for (const [name, value] of Object.entries(values)) {
      line.setAttribute(`aria-value${name}`, value.toPrecision(4));
    }
  };
  /** @param {number} x */
  const move = (x) => {
    held = within(x, /** @type {Drawn} */ (drawn()).xaxis.range);
    place();
    if (model.get("_previewed")) {
      previews.show({ kind: "moving", x: held }, line.getBoundingClientRect());
    }
  };
  const drop = () => {
    if (held !== null) model.send({ kind: "dropped", x: held });
  };
  previews.shown = ({ title }) => line.setAttribute("aria-valuetext", title);

  let grip = 0; // pixels from the line to where it was taken
  line.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const { left, width } = line.getBoundingClientRect();
    grip = event.clientX - left - width / 2;
    line.setPointerCapture(event.pointerId);
    event.preventDefault();
    line.focus({ preventScroll: true });
  });
  line.addEventListener("pointermove", (event) => {
    const layout = drawn();
    if (!layout || !line.hasPointerCapture(event.pointerId)) return;
    const left = el.getBoundingClientRect().left + layout.xaxis._offset;
    move(layout.xaxis.p2d(event.clientX - grip - left));
  });
  line.addEventListener("pointerup", drop);
  line.addEventListener("pointercancel", drop);
  line.addEventListener("pointerleave", (event) => {
    if (!line.hasPointerCapture(event.pointerId)) previews.hide();
  });
  line.addEventListener("blur", () => previews.hide());
  line.addEventListener("keydown", (event) => {
    const layout = drawn(), x = held ?? model.get("_cut");
    if (event.key === "Escape") previews.hide();
    if (!layout || !(event.key in MOVES) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault(); // the page would scroll
    const [low, high] = layout.xaxis.range;
    move(x + MOVES[event.key] * (high - low) / STEPS);
  });
  line.addEventListener("keyup", (event) => {
    if (event.key in MOVES) drop();
  });
  /** @param {{ kind: string }} message */
  const hear = ({ kind }) => {
    if (kind !== "placed") return;
    held = null;
    place();
  };
  model.on("change:_cut", place);
  model.on("msg:custom", hear);
  el.style.position = "relative";
  el.append(line);
  return {
    place,
    remove() {
      model.off("change:_cut", place);
      model.off("msg:custom", hear);
      previews.close();
      line.remove();
    },
  };
}
