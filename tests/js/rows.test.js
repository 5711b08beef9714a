// The rows that the grid holds: what is asked for, and where the next undecided sample is.

import assert from "node:assert/strict";
import test from "node:test";

import { lacking, numbered, undecidedAfter } from "../../o2u_nb/widgets/js/rows.js";
import { dice } from "./random.js";

const NOW = 7; // the revision
const held = (place, more = {}) => ({
  sample_id: `${place}.png`, decision: null, revision: NOW, ...more,
});
const rowsOf = (...rows) => new Map(rows);
const asked = (rows, start, stop, pictured = () => true) =>
  lacking(rows, { start, stop, revision: NOW, hasPicture: pictured });

test("the rows of a page get their places and the page's revision", () => {
  const page = { start: 4, revision: NOW, rows: [{ rank: 5 }, { rank: 6 }] };
  assert.deepEqual(numbered(page), [
    [4, { rank: 5, revision: NOW }],
    [5, { rank: 6, revision: NOW }],
  ]);
});

test("at first all is asked for", () => {
  assert.deepEqual(asked(rowsOf(), 2, 5), { start: 2, stop: 5, pictures: [2, 3, 4] });
});

test("nothing is asked for that is here, nor outside the places", () => {
  const rows = rowsOf([0, held(0)], [1, held(1)]);
  assert.equal(asked(rows, 0, 2), null);
  assert.equal(asked(rows, 5, 5), null);
});

test("rows of another revision are asked for again, without their pictures", () => {
  const rows = rowsOf([0, held(0)], [1, held(1, { revision: NOW - 1 })], [2, held(2)]);
  assert.deepEqual(asked(rows, 0, 3), { start: 1, stop: 2, pictures: [] });
});

test("where any revision will do, only what is not here at all is asked for", () => {
  const rows = rowsOf([0, held(0, { revision: NOW - 1 })], [2, held(2)]);
  const wanted = { start: 0, stop: 3, revision: null, hasPicture: () => true };
  assert.deepEqual(lacking(rows, wanted), { start: 1, stop: 2, pictures: [1] });
  assert.equal(lacking(rows, { ...wanted, stop: 1 }), null);
});

test("a picture that is lacking is asked for, with the row", () => {
  const rows = rowsOf([0, held(0)], [1, held(1)], [2, held(2)]);
  const some = asked(rows, 0, 3, (id) => id !== "1.png");
  assert.deepEqual(some, { start: 1, stop: 2, pictures: [1] });
});

test("the stretch that is asked for begins and ends with what is lacking", () => {
  const roll = dice(1);
  for (let round = 0; round < 2000; round++) {
    const rows = new Map(), needed = new Set(), unpictured = new Set();
    for (let place = 0; place < 12; place++) {
      const kind = roll(4); // 0: no row, 1: an old row, 2: no picture, 3: all is here
      if (kind > 0) rows.set(place, held(place, { revision: kind === 1 ? NOW - 1 : NOW }));
      if (kind < 3) needed.add(place);
      if (kind === 0 || kind === 2) unpictured.add(place);
    }
    const start = roll(12), stop = start + roll(13 - start);
    const inside = (set) => [...set].filter((place) => place >= start && place < stop);
    const found = asked(rows, start, stop, (id) => !unpictured.has(parseInt(id, 10)));
    if (!inside(needed).length) assert.equal(found, null);
    else {
      assert.equal(found.start, Math.min(...inside(needed)));
      assert.equal(found.stop, Math.max(...inside(needed)) + 1);
      assert.deepEqual(found.pictures, inside(unpictured));
    }
  }
});

test("the next undecided place is after the last one, and may have no row yet", () => {
  const rows = rowsOf([0, held(0)], [1, held(1, { decision: "keep" })], [2, held(2)], [3, held(3)]);
  const after = (last, saving = []) =>
    undecidedAfter(rows, last, 6, (place) => saving.includes(place));
  assert.equal(after(0), 2);
  assert.equal(after(0, [2]), 3);
  assert.equal(after(0, [2, 3]), 4);
  assert.equal(after(5), 5);
});

test("where all is decided up to the end, the place stays", () => {
  const rows = rowsOf([1, held(1, { decision: "drop" })], [2, held(2, { decision: "keep" })]);
  assert.equal(undecidedAfter(rows, 0, 3, () => false), 0);
});
