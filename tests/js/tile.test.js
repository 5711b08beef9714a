// What a tile says of a sample.

import assert from "node:assert/strict";
import test from "node:test";

import { chance, decided, remarks, spoken, stateOf } from "../../o2u_nb/widgets/js/tile.js";

const ROW = {
  sample_id: "tiger/1.png", rank: 1234, label: "tiger", suggested: "jaguar", p_wrong: 0.9996,
  kind: "wrong", decision: null, new_label: null, note: "", tags: [], named: true,
  similarity: null, same_label: null,
};

const WORDS = { keep: "kept", relabel: "now", drop: "dropped", unsure: "unsure" };

test("a tile waits, saves, or says what was decided", () => {
  assert.equal(stateOf(undefined, false), "waiting");
  assert.equal(stateOf(ROW, false), "undecided");
  assert.equal(stateOf({ ...ROW, decision: "drop" }, false), "drop");
  assert.equal(stateOf({ ...ROW, decision: "drop" }, true), "saving");
});

test("the chance is followed by the kind, where that is not simply wrong", () => {
  assert.equal(chance(ROW), "99.96 %");
  assert.equal(chance({ ...ROW, p_wrong: 0.25, kind: "ambiguous" }), "25 % · ambiguous");
  assert.equal(chance({ ...ROW, p_wrong: null, kind: "ambiguous" }), "ambiguous");
  assert.equal(chance({ ...ROW, p_wrong: null }), "");
});

test("a decision is an icon and a word, with the label where it is new", () => {
  assert.equal(decided(ROW, "undecided", WORDS), "undecided");
  assert.equal(decided(ROW, "saving", WORDS), "… saving");
  assert.equal(decided(ROW, "keep", WORDS), "✓ kept");
  assert.equal(decided({ ...ROW, new_label: "zebra" }, "relabel", WORDS), "⇄ now zebra");
});

test("a screen reader hears all of it, but no icon", () => {
  assert.equal(
    spoken(ROW, "keep", WORDS),
    "rank 1,234, given tiger, looks like jaguar, 99.96 % likely wrong, kept",
  );
  assert.equal(
    spoken({ ...ROW, suggested: null, p_wrong: null, kind: "ambiguous" }, "undecided", WORDS),
    "rank 1,234, given tiger, looks like no other class, ambiguous, undecided",
  );
});

test("what was noted is said in lines", () => {
  assert.deepEqual(remarks(ROW), []);
  assert.deepEqual(
    remarks({ note: "<b>two</b> cats", tags: ["night", "blurred"] }),
    ["Note: <b>two</b> cats", "Tags: night, blurred"]);
});
