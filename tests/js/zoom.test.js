// Where a zoomed picture is: the point under the mouse stays, and no edge comes into the frame.

import assert from "node:assert/strict";
import test from "node:test";

import { FITTED, inside, zoomed } from "../../o2u_nb/widgets/js/zoom.js";

const SIZE = [400, 200];

test("the point that is zoomed at stays where it is", () => {
  assert.deepEqual(zoomed(FITTED, 2, [100, -50], SIZE), { scale: 2, x: -100, y: 50 });
  const twice = zoomed(zoomed(FITTED, 2, [100, -50], SIZE), 2, [100, -50], SIZE);
  assert.deepEqual(twice, zoomed(FITTED, 4, [100, -50], SIZE));
});

test("a picture that is made smaller again fits, and not less", () => {
  const large = zoomed(FITTED, 4, [150, 80], SIZE);
  assert.deepEqual(zoomed(large, 1 / 100, [-30, 20], SIZE), { scale: 1, x: 0, y: 0 });
});

test("there is a largest scale", () => {
  assert.equal(zoomed(FITTED, 1e6, [0, 0], SIZE).scale, 32);
});

test("no edge of a picture comes into the frame", () => {
  assert.deepEqual(inside({ scale: 3, x: 9999, y: -9999 }, SIZE), { scale: 3, x: 400, y: -200 });
  assert.deepEqual(inside({ scale: 3, x: 12, y: -7 }, SIZE), { scale: 3, x: 12, y: -7 });
});
