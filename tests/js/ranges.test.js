// Ranges, held against plain sets of places.

import assert from "node:assert/strict";
import test from "node:test";

import { has, merged, picked, size, span, toggled } from "../../o2u_nb/widgets/js/ranges.js";
import { dice } from "./random.js";

const PLACES = 24; // few, so that ranges touch and overlap
const ROUNDS = 2000;

const places = (ranges) => {
  const found = new Set();
  for (const [start, stop] of ranges) for (let k = start; k < stop; k++) found.add(k);
  return found;
};

/** The ranges of a set, written out place by place. */
function rangesOf(set) {
  const ranges = [];
  for (let place = 0; place <= PLACES; place++) {
    if (!set.has(place)) continue;
    if (set.has(place - 1)) ranges[ranges.length - 1][1] = place + 1;
    else ranges.push([place, place + 1]);
  }
  return ranges;
}

function randomRanges(roll) {
  return Array.from({ length: roll(6) }, () => {
    const start = roll(PLACES - 1);
    return [start, start + 1 + roll(PLACES - start - 1)];
  });
}

const randomSet = (roll) =>
  new Set(Array.from({ length: PLACES }, (_, k) => k).filter(() => roll(2)));

test("merged ranges hold the same places, ascending and apart", () => {
  const roll = dice(1);
  for (let round = 0; round < ROUNDS; round++) {
    const ranges = randomRanges(roll), before = structuredClone(ranges);
    assert.deepEqual(merged(ranges), rangesOf(places(ranges)));
    assert.deepEqual(ranges, before);
  }
});

test("a place is in the ranges if it is in the set", () => {
  const roll = dice(2);
  for (let round = 0; round < ROUNDS; round++) {
    const ranges = randomRanges(roll), set = places(ranges);
    for (let place = -1; place <= PLACES; place++) {
      assert.equal(has(ranges, place), set.has(place), `${place} in ${JSON.stringify(ranges)}`);
    }
  }
});

test("the size of ranges is that of the set", () => {
  const roll = dice(3);
  for (let round = 0; round < ROUNDS; round++) {
    const set = randomSet(roll);
    assert.equal(size(rangesOf(set)), set.size);
  }
  assert.equal(size([]), 0);
});

test("toggling puts a place in or takes it out, and nothing else", () => {
  const roll = dice(4);
  for (let round = 0; round < ROUNDS; round++) {
    const set = randomSet(roll), ranges = rangesOf(set), before = structuredClone(ranges);
    const place = roll(PLACES), wanted = new Set(set);
    if (!wanted.delete(place)) wanted.add(place);
    assert.deepEqual(toggled(ranges, place), rangesOf(wanted));
    assert.deepEqual(toggled(toggled(ranges, place), place), ranges);
    assert.deepEqual(ranges, before);
  }
});

test("a span includes both ends, in either direction", () => {
  assert.deepEqual(span(3, 7), [[3, 8]]);
  assert.deepEqual(span(7, 3), [[3, 8]]);
  assert.deepEqual(span(5, 5), [[5, 6]]);
});

test("the first place that is picked joins the current one", () => {
  assert.deepEqual(picked([], 4, 9), [[4, 5], [9, 10]]);
  assert.deepEqual(picked([], 4, 5), [[4, 6]]);
  assert.deepEqual(picked([], 4, 4), [[4, 5]]);
  assert.deepEqual(picked([], null, 9), [[9, 10]]);
});

test("once something is selected, the current place is like any other", () => {
  assert.deepEqual(picked([[2, 4]], 9, 3), [[2, 3]]);
  assert.deepEqual(picked([[2, 4]], 9, 9), [[2, 4], [9, 10]]);
  assert.deepEqual(picked([[2, 4], [9, 10]], 9, 9), [[2, 4]]);
});
