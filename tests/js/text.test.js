// Numbers as people read them. That `percent` is the same in Python is tested from Python.

import assert from "node:assert/strict";
import test from "node:test";

import { certainty, number, percent } from "../../o2u_nb/widgets/js/text.js";

const WRITTEN = [
  [0, "0 %"],
  [1e-9, "0.0 %"],
  [0.0004, "0.0 %"],
  [0.0005000001, "0.1 %"],
  [0.0625, "6.2 %"],
  [0.0875, "8.8 %"],
  [0.09949, "9.9 %"],
  [0.0995, "10 %"],
  [0.125, "12 %"],
  [0.135, "14 %"],
  [0.2, "20 %"],
  [0.375, "38 %"],
  [0.99, "99 %"],
  [0.9901, "99.0 %"],
  [0.996, "99.6 %"],
  [0.999, "99.9 %"],
  [0.9996, "99.9 %"],
  [1, "100 %"],
];

for (const [share, text] of WRITTEN) {
  test(`${share} is ${text}`, () => assert.equal(percent(share), text));
}

test("a share that is not known is no text", () => assert.equal(percent(null), ""));

test("only all is 100 %, and only nothing is 0 %", () => {
  assert.equal(percent(1 - 1e-12), "99.9 %");
  assert.equal(percent(1e-12), "0.0 %");
});

test("certainties are told apart", () => {
  const written = [null, 0, 0.0002, 0.9, 0.9912, 0.99937, 0.9999999, 1].map(certainty);
  assert.deepEqual(written, [
    "", "0 %", "under 0.1 %", "90 %", "99.1 %", "99.93 %", "over 99.999 %", "100 %",
  ]);
});

test("thousands have commas", () => {
  assert.equal(number(999), "999");
  assert.equal(number(1234567), "1,234,567");
});
