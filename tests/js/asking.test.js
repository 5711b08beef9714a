// Questions to the kernel: one on its way, the latest one waiting.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Asking } from "../../o2u_nb/widgets/js/asking.js";

const fresh = () => {
  const sent = [], clock = { now: 0 };
  return { sent, clock, asking: new Asking((question) => sent.push(question), () => clock.now) };
};

test("never more than one question is on its way, and only the latest one waits", () => {
  const { sent, asking } = fresh();
  for (const question of [1, 2, 3, 4]) asking.ask(question);
  assert.deepEqual(sent, [1]);
  assert.equal(asking.answered(), 1);
  assert.deepEqual(sent, [1, 4]);
  assert.equal(asking.answered(), 4);
  assert.deepEqual(sent, [1, 4]);
  asking.ask(5);
  assert.deepEqual(sent, [1, 4, 5]);
});

test("a question that is dropped is not asked", () => {
  const { sent, asking } = fresh();
  asking.ask(1);
  asking.ask(2);
  asking.drop();
  assert.equal(asking.answered(), 1);
  assert.deepEqual(sent, [1]);
});

test("an answer that nobody asked for belongs to no question", () => {
  assert.equal(fresh().asking.answered(), null);
});

test("a kernel that does not answer is asked again after a while", () => {
  const { sent, clock, asking } = fresh();
  asking.ask(1);
  clock.now = 9_999;
  asking.ask(2);
  assert.deepEqual(sent, [1]);
  clock.now = 10_001;
  asking.ask(3);
  assert.deepEqual(sent, [1, 3]);
});
