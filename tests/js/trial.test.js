// The keys that answer the questions of a trial.

import assert from "node:assert/strict";
import test from "node:test";

import { keysOf } from "../../o2u_nb/widgets/js/trial.js";

test("an answer of one character is its own key", () => {
  assert.deepEqual(keysOf(["0", "1", "9"]), ["0", "1", "9"]);
});

test("other answers have their number, and from the tenth on their first letter", () => {
  assert.deepEqual(keysOf(["right", "wrong"]), ["1", "2"]);
  const digits = [..."0123456789"];
  assert.deepEqual(keysOf([...digits, "Cannot be read"]), [...digits, "c"]);
});
