// What plotly's widget reports to the kernel of the pointer, and what we report in its place.
//
// plotly reports each event by setting one trait, and a widget sends only the latest value of a trait
// while the kernel is at work: the pointer that rests on a point after a lasso would take the place of
// the lasso. Of a lasso it reports every point inside, which takes megabytes for many points, and the
// kernel then sets them for each trace. So a lasso is a message of its own here, with the area alone.
// And plotly is told here how fine to draw, which only the page knows.

/** @import { Model } from "./plot.js" */

const REPORT = "_js2py_pointsCallback";
const OURS = ["plotly_hover", "plotly_unhover", "plotly_selected", "plotly_deselect"];

/**
 * @typedef {object} Selected what plotly tells of a box or a lasso
 * @property {{ x: number[], y: number[] }} [range]
 * @property {{ x: number[], y: number[] }} [lassoPoints]
 */

/**
 * Return the area that was drawn, as plotly's classes in Python take it; null where there is none.
 * @param {Selected | undefined} event
 */
export function areaOf(event) {
  const { range, lassoPoints } = event ?? {};
  if (range) return { type: "box", xrange: range.x, yrange: range.y };
  return lassoPoints ? { type: "lasso", xs: lassoPoints.x, ys: lassoPoints.y } : null;
}

/**
 * Return the settings of a plot with as many pixels for WebGL as the screen has, but at most four
 * in place of one. plotly always takes four, which cost most of the time of a frame without a
 * graphics card.
 * @param {object} config
 */
export const asSharpAsTheScreen = (config) =>
  ({ ...config, plotGlPixelRatio: Math.min(Math.max(globalThis.devicePixelRatio ?? 1, 1), 2) });

/**
 * Return `model` as plotly's widget is given it, which then reports clicks only, and draws no finer
 * than the screen.
 * @param {Model} model
 * @returns {Model}
 */
export const reporting = (model) => new Proxy(model, {
  get(target, name) {
    const found = Reflect.get(target, name);
    if (name === "get") {
      return (/** @type {string} */ key) =>
        key === "_config" ? asSharpAsTheScreen(target.get(key)) : target.get(key);
    }
    if (name !== "set") return typeof found === "function" ? found.bind(target) : found;
    return (/** @type {string} */ key, /** @type {any} */ value) => {
      if (key !== REPORT || !OURS.includes(value?.event_type)) target.set(key, value);
    };
  },
});
