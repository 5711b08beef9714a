// Geometry: where tiles are, also in lists taller than an element may be.

import assert from "node:assert/strict";
import test from "node:test";

import {
  FETCHED, GAP, LARGE, STEPS, TALLEST, arrange, between, corner, fetchedFor, firstAt, offsetAt,
  onScreen, perPage, revealing, rowAt, stepOf, stepped, topAt,
} from "../../o2u_nb/widgets/js/geometry.js";
import { dice } from "./random.js";

const ROUNDS = 2000;
const ROW = 128 + 92 + GAP; // pixels from one row of tiles with 128-pixel pictures to the next
const LAYOUT = arrange({ side: 128, width: 1000, length: 50 }); // 6 columns, 9 rows
const MILLION = arrange({ side: 128, width: 1000, length: 1e6 });

/** A list of any size, scrolled anywhere. */
function randomList(roll) {
  const length = [roll(5), roll(300), roll(3e6)][roll(3)];
  const layout = arrange({ side: STEPS[roll(STEPS.length)], width: roll(3000), length });
  const height = 100 + roll(1500);
  const top = topAt(layout, roll(Math.ceil(layout.total)), height);
  return { layout, height, top, offset: offsetAt(layout, top, height) };
}

test("as many columns as the width has room for, with a gap on either side", () => {
  const columns = (width, side = 128) => arrange({ side, width, length: 50 }).columns;
  assert.equal(LAYOUT.across, 140);
  assert.equal(columns(2 * (140 + GAP) + GAP), 2);
  assert.equal(columns(2 * (140 + GAP) + GAP - 1), 1);
  assert.equal(columns(1000), 6);
  assert.equal(columns(1000, 512), 1);
});

test("there is one column even where there is no room", () => {
  for (const width of [0, 1, 100]) {
    const { columns, margin } = arrange({ side: 128, width, length: 3 });
    assert.deepEqual([columns, margin], [1, GAP]);
  }
});

test("tiles of small pictures have room for their words", () => {
  const [small, large] = [64, 128].map((side) => arrange({ side, width: 1000, length: 1 }));
  assert.equal(small.across, 116);
  assert.equal(small.down, large.down - 64);
});

test("the whole is as tall as its rows", () => {
  const total = (length) => arrange({ side: 128, width: 1000, length }).total;
  assert.deepEqual([0, 1, 6, 7].map(total), [GAP, ROW + GAP, ROW + GAP, 2 * ROW + GAP]);
});

test("tiles lie in rows, in the middle of the width", () => {
  const left = (1000 - 6 * 140 - 5 * GAP) / 2;
  assert.deepEqual(corner(LAYOUT, 0), [left, GAP]);
  assert.deepEqual(corner(LAYOUT, 5), [left + 5 * (140 + GAP), GAP]);
  assert.deepEqual(corner(LAYOUT, 6), [left, GAP + ROW]);
  assert.equal(corner(LAYOUT, 5)[0] + 140, 1000 - left);
});

test("what is on screen are whole rows, those cut off included", () => {
  assert.deepEqual(onScreen(LAYOUT, 0, 560), [0, 18]);
  assert.deepEqual(onScreen(LAYOUT, 0, 2 * ROW), [0, 12]);
  assert.deepEqual(onScreen(LAYOUT, ROW - 1, 2 * ROW), [0, 18]);
  assert.deepEqual(onScreen(LAYOUT, ROW, 2 * ROW), [6, 18]);
  assert.deepEqual(onScreen(LAYOUT, 7 * ROW, 560), [42, 50]);
  assert.deepEqual(onScreen(arrange({ side: 128, width: 1000, length: 0 }), 0, 560), [0, 0]);
});

test("every tile that touches the screen is drawn", () => {
  const roll = dice(1);
  for (let round = 0; round < ROUNDS; round++) {
    const { layout, height, offset } = randomList(roll);
    const [start, stop] = onScreen(layout, offset, height);
    assert.ok(stop - start <= (Math.ceil(height / (layout.down + GAP)) + 1) * layout.columns);
    for (const place of [start - 1, start - layout.columns, stop, stop + layout.columns]) {
      if (place < 0 || place >= layout.length) continue;
      const y = corner(layout, place)[1];
      assert.ok(y + layout.down <= offset || y >= offset + height, `${place} is on screen`);
    }
  }
});

test("a page is the rows that fit as a whole, one at least", () => {
  assert.equal(perPage(LAYOUT, 560), 12);
  assert.equal(perPage(LAYOUT, 2 * ROW - 1), 6);
  assert.equal(perPage(LAYOUT, 10), 6);
});

test("a tile out of sight is scrolled to the nearer edge, one in sight is not scrolled", () => {
  const show = (place, offset) => revealing(LAYOUT, place, offset, 560);
  assert.equal(show(0, 300), 0);
  assert.equal(show(13, 500), 2 * ROW);
  assert.equal(show(7, 100), 100);
  assert.equal(show(12, 0), 3 * ROW + GAP - 560);
  assert.equal(show(49, 0), 9 * ROW + GAP - 560);
});

test("after revealing, a tile that is lower than the screen is on it as a whole", () => {
  const roll = dice(2);
  for (let round = 0; round < ROUNDS; round++) {
    const { layout, height, offset } = randomList(roll);
    if (!layout.length || height < layout.down + 2 * GAP) continue;
    const place = roll(layout.length), shown = revealing(layout, place, offset, height);
    const y = corner(layout, place)[1];
    assert.ok(y >= shown && y + layout.down <= shown + height, `${place} at ${shown}`);
    assert.equal(revealing(layout, place, shown, height), shown);
    const [start, stop] = onScreen(layout, shown, height);
    assert.ok(start <= place && place < stop);
  }
});

test("in a list that an element can hold, the scroll bar says the offset", () => {
  assert.ok(LAYOUT.total < TALLEST);
  for (const top of [0, 1, 400]) {
    assert.equal(offsetAt(LAYOUT, top, 560), top);
    assert.equal(topAt(LAYOUT, top, 560), top);
  }
});

test("in a taller list, the ends of the scroll bar are the ends of the list", () => {
  assert.ok(MILLION.total > TALLEST);
  assert.equal(offsetAt(MILLION, 0, 560), 0);
  assert.equal(offsetAt(MILLION, TALLEST - 560, 560), MILLION.total - 560);
  assert.equal(topAt(MILLION, MILLION.total - 560, 560), TALLEST - 560);
  assert.equal(onScreen(MILLION, MILLION.total - 560, 560)[1], 1e6);
});

test("offset and scroll bar are each other's inverse", () => {
  const roll = dice(3);
  for (let round = 0; round < ROUNDS; round++) {
    const { layout, height } = randomList(roll);
    const offset = roll(Math.max(1, Math.floor(layout.total - height)));
    const top = topAt(layout, offset, height);
    assert.ok(top >= 0 && top <= TALLEST - height);
    assert.ok(Math.abs(offsetAt(layout, top, height) - offset) < 1e-6);
  }
});

test("no offset beyond the ends is scrolled to", () => {
  assert.equal(topAt(LAYOUT, -50, 560), 0);
  assert.equal(topAt(LAYOUT, 1e9, 560), LAYOUT.total - 560);
  assert.equal(topAt(arrange({ side: 128, width: 1000, length: 1 }), 100, 560), 0);
});

test("the first place on screen is found again from its row", () => {
  const roll = dice(4);
  for (let round = 0; round < ROUNDS; round++) {
    const { layout } = randomList(roll), place = roll(Math.max(layout.length, 1));
    const first = firstAt(layout, rowAt(layout, place));
    assert.equal(first, place - (place % layout.columns));
  }
});

test("pictures are fetched at the first size that is sharp", () => {
  assert.equal(fetchedFor(64, 1), 64);
  assert.equal(fetchedFor(96, 1), 128);
  assert.equal(fetchedFor(96, 2), 256);
  assert.equal(fetchedFor(512, 2), 1024);
  assert.equal(fetchedFor(512, 3), LARGE);
  assert.ok(FETCHED.includes(LARGE));
});

test("sizes of tiles go step by step, and end at the last one", () => {
  assert.deepEqual(STEPS.map(stepOf), [0, 1, 2, 3, 4, 5, 6]);
  assert.equal(stepped(128, 1), 192);
  assert.equal(stepped(128, -1), 96);
  assert.equal(stepped(150, 1), 192); // a size from Python may lie between two steps
  assert.equal(stepped(150, -1), 96);
  assert.equal(stepped(512, 1), 512);
  assert.equal(stepped(64, -1), 64);
});

test("a number is kept within its bounds", () => {
  assert.deepEqual([-1, 3, 9].map((value) => between(value, 0, 5)), [0, 3, 5]);
  assert.equal(between(-Infinity, 0, 5), 0);
});
