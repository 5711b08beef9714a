// What is reported to the kernel of the pointer in a plot.

import assert from "node:assert/strict";
import test from "node:test";

import { areaOf, asSharpAsTheScreen, reporting } from "../../o2u_nb/widgets/js/reports.js";

/** A model that keeps what is set, with a private part, as the real one may have. */
class Model {
  #kept = [];

  set(...pair) { this.#kept.push(pair); }

  get kept() { return this.#kept; }

  get(name) { return `the ${name}`; }

  save_changes() { this.#kept.push(["saved"]); }
}

test("the area of a box and of a lasso", () => {
  const points = [{ x: 1, y: 5 }];
  assert.deepEqual(
    areaOf({ points, range: { x: [0, 2], y: [4, 6] } }),
    { type: "box", xrange: [0, 2], yrange: [4, 6] });
  assert.deepEqual(
    areaOf({ points, lassoPoints: { x: [0, 2, 1], y: [4, 4, 6] } }),
    { type: "lasso", xs: [0, 2, 1], ys: [4, 4, 6] });
  assert.equal(areaOf(undefined), null);
  assert.equal(areaOf({ points }), null);
});

test("the pointer's resting does not take the place of a click", () => {
  const model = new Model(), shown = reporting(model);
  for (const what of ["click", "selected", "unhover", "hover", "deselect"]) {
    shown.set("_js2py_pointsCallback", { event_type: `plotly_${what}` });
  }
  shown.save_changes();
  assert.deepEqual(model.kept.map(([name, value]) => value?.event_type ?? name),
    ["plotly_click", "saved"]);
});

test("everything else is as it was", () => {
  const model = new Model(), shown = reporting(model);
  shown.set("_js2py_restyle", { a: 1 });
  shown.set("_js2py_pointsCallback", null);
  assert.deepEqual(model.kept, [["_js2py_restyle", { a: 1 }], ["_js2py_pointsCallback", null]]);
  assert.equal(shown.get("name"), "the name");
});

test("points are drawn as fine as the screen is, and no finer than plotly would", () => {
  const before = globalThis.devicePixelRatio;
  for (const [ratio, wanted] of [[undefined, 1], [0.8, 1], [1, 1], [1.5, 1.5], [2, 2], [3, 2]]) {
    globalThis.devicePixelRatio = ratio;
    const found = asSharpAsTheScreen({ responsive: true });
    assert.deepEqual(found, { responsive: true, plotGlPixelRatio: wanted });
  }
  globalThis.devicePixelRatio = before;
  assert.equal(reporting(new Model()).get("_config").plotGlPixelRatio, 1);
});
