// The epoch player: places of points between epochs, the point under the pointer, round numbers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { along, nearest, placed, ticks } from "../../o2u_nb/widgets/js/frames.js";

const area = { left: 10, top: 20, width: 100, height: 200 };
// Two epochs of three points: the second one is beyond the axes, the third one never seen.
const frames = {
  n: 3, epochs: 2, xTop: 4, yTop: 16,
  mean: Float32Array.of(0, 9, NaN, 1, 9, NaN), variance: Float32Array.of(0, 99, NaN, 4, 99, NaN),
};

const at = (t) => {
  const xs = new Float32Array(3), ys = new Float32Array(3);
  placed(frames, t, area, xs, ys);
  return { xs: [...xs], ys: [...ys] };
};

test("points stand where mean and variance are, on axes of roots", () => {
  assert.deepEqual(at(0), { xs: [10, 110, NaN], ys: [220, 20, NaN] });
  assert.deepEqual(at(1), { xs: [60, 110, NaN], ys: [120, 20, NaN] });
  assert.deepEqual(at(7), at(1)); // after the last epoch nothing moves any more
});

test("between two epochs points are on their way", () => {
  const { xs: [x], ys: [y] } = at(0.25); // mean 0.25, variance 1
  assert.equal(x, 10 + 100 * Math.sqrt(0.25 / 4));
  assert.equal(y, 220 - 200 * Math.sqrt(1 / 16));
});

test("the nearest point within reach is found, and no point that was not seen", () => {
  const xs = Float32Array.of(10, 60, NaN), ys = Float32Array.of(10, 10, NaN);
  assert.equal(nearest(xs, ys, 50, 10, 12), 1);
  assert.equal(nearest(xs, ys, 35, 10, 12), -1);
  assert.equal(nearest(xs, ys, 12, 11, 12), 0);
  assert.equal(nearest(new Float32Array(0), new Float32Array(0), 1, 1, 12), -1);
});

test("ticks are round numbers that do not touch each other", () => {
  for (const top of [0.0003, 0.12, 1, 4.2, 8, 37, 950]) {
    const found = ticks(top, 0.1);
    assert.equal(found[0], 0);
    assert.ok(found.length >= 4 && found.length <= 11, `${found}`);
    assert.ok(found.at(-1) <= top);
    for (let k = 1; k < found.length; k++) {
      assert.ok(along(found[k], top) - along(found[k - 1], top) >= 0.1 - 1e-12, `${found}`);
      assert.match(String(found[k]).replace(/[0.]/g, ""), /^([125]|[125]e-\d+)$/);
    }
  }
});
