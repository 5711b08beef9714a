// Which points of a plot are drawn while it moves.

import assert from "node:assert/strict";
import test from "node:test";

import { MOST, SMALL, chosen, points, some } from "../../o2u_nb/widgets/js/moving.js";
import { dice } from "./random.js";

const range = (start, stop) => Array.from({ length: stop - start }, (_, k) => start + k);

/** A scene as plotly keeps it, with traces of so many points. */
const sceneOf = (counts) => ({
  draw() {},
  scatter2d: { draw() {} },
  select2d: false,
  markerOptions: counts.map((n) => (n === null ? undefined : { positions: new Float64Array(2 * n) })),
  selectBatch: counts.map(() => []),
  unselectBatch: counts.map(() => []),
});

test("some points are the first ones and an even choice of the others, each once", () => {
  const random = dice(3);
  for (let round = 0; round < 300; round++) {
    const count = random(100_000), share = random(1000) / 1000;
    const found = some(count, share);
    assert.equal(found.length, Math.min(count, Math.max(SMALL, Math.round(count * share))));
    assert.deepEqual(found, [...new Set(found)].sort((a, b) => a - b));
    assert.ok(found.every((k) => Number.isInteger(k) && k >= 0 && k < count));
    const first = Math.ceil(found.length / 2);
    assert.deepEqual(found.slice(0, first), range(0, first));
    const gaps = found.slice(first + 1).map((k, at) => k - found[first + at]);
    assert.ok(Math.max(0, ...gaps) - Math.min(Infinity, ...gaps) <= 1);
  }
});

test("small traces are drawn whole, and all together are about as many as wanted", () => {
  assert.deepEqual(some(SMALL, 0.001), range(0, SMALL));
  assert.deepEqual(some(0, 0.5), []);
  const scene = sceneOf([100_000, null, 300, 20_000]);
  assert.equal(points(scene), 120_300);
  const { plain, selected } = chosen(scene, MOST / points(scene));
  assert.deepEqual(plain[1], []);
  assert.deepEqual(plain[2], range(0, 300));
  assert.ok(plain.flat().length <= MOST + SMALL);
  assert.deepEqual(selected.flat(), []);
});

test("selected points and the others are thinned by themselves", () => {
  const scene = sceneOf([50_000, 4_000, 10]);
  scene.selectBatch = [range(0, 20_000), range(0, 4_000), []];
  scene.unselectBatch = [range(20_000, 50_000), [], []];
  const { plain, selected } = chosen(scene, 0.1);
  assert.equal(plain[0].length, 3_000);
  assert.ok(plain[0].every((k) => k >= 20_000 && k < 50_000));
  assert.equal(selected[0].length, 2_000);
  assert.ok(selected[0].every((k) => k < 20_000));
  assert.deepEqual(plain[1], []); // all of it is selected
  assert.equal(selected[1].length, SMALL);
  assert.deepEqual(plain[2], range(0, 10));
});

test("a plot that is not as expected has no points, and is left as it is", () => {
  assert.equal(points(undefined), 0);
  assert.equal(points({ markerOptions: [] }), 0);
  assert.equal(points({ ...sceneOf([5]), unselectBatch: null }), 0);
  assert.equal(points({ ...sceneOf([5]), scatter2d: false }), 0);
});
