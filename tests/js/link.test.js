// The line to Python: what is pending, and what is sent again. Time passes when the tests say so.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Link } from "../../o2u_nb/widgets/js/link.js";

const { setTimeout, performance } = globalThis;
let time, alarms, sent, answers, slow, link;

const set = (name, value) =>
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

beforeEach(() => {
  [time, alarms, sent, answers, slow] = [0, [], [], [], []];
  set("setTimeout", (ring, wait) => alarms.push({ ring, at: time + wait }));
  set("performance", { now: () => time });
  link = new Link({ send: (message) => sent.push(message) }, {
    answered: (asked, message) => answers.push([asked.kind, message.said]),
    slow: (isSlow) => slow.push(isSlow),
  });
});

afterEach(() => {
  set("setTimeout", setTimeout);
  set("performance", performance);
});

function wait(ms) {
  const until = time + ms;
  for (;;) {
    const due = alarms.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
    if (!due) break;
    alarms.splice(alarms.indexOf(due), 1);
    time = due.at;
    due.ring();
  }
  time = until;
}

const done = (seq, more = {}) => ({ kind: "done", view: link.view, seq, ...more });

test("messages bear a number, the view and their fields", () => {
  link.send("undo");
  link.send("set", { name: "advance", value: false });
  assert.deepEqual(sent, [
    { kind: "undo", view: link.view, seq: 1 },
    { kind: "set", view: link.view, seq: 2, name: "advance", value: false },
  ]);
});

test("an answer is heard once, and only by the view that asked", () => {
  link.send("undo");
  link.receive({ ...done(1), view: "another" });
  link.receive(done(7));
  assert.deepEqual(answers, []);
  link.receive(done(1, { said: "Undone" }));
  link.receive(done(1, { said: "Undone" }));
  assert.deepEqual(answers, [["undo", "Undone"]]);
});

test("pages and look-ups are no commands, and pages are known by their list", () => {
  link.send("page", { order: 3 });
  link.send("card", { sample_id: "a" });
  link.send("decide", { order: 3 });
  link.send("near", { name: "lynx" });
  assert.deepEqual(link.commands().map(({ kind }) => kind), ["decide"]);
  assert.deepEqual([link.isAsking(3), link.isAsking(4)], [true, false]);
  link.receive(done(1));
  assert.equal(link.isAsking(3), false);
  link.receive(done(3));
  assert.deepEqual(link.commands(), []);
});

test("the kernel is busy half a second after a message, until the answer", () => {
  link.send("undo");
  wait(499);
  assert.deepEqual(slow, []);
  wait(100);
  assert.deepEqual(slow, [true]);
  link.receive(done(1));
  assert.deepEqual(slow, [true, false]);
});

test("a page is asked for again, ever more rarely, until it is answered", () => {
  link.send("page", { order: 1, start: 0 });
  wait(2000 + 4000 + 8000);
  assert.equal(sent.length, 4);
  assert.deepEqual(sent[3], sent[0]);
  wait(3600_000);
  assert.ok(sent.length > 60 && sent.length < 70, `${sent.length}`); // once a minute
  const before = sent.length;
  link.receive(done(1));
  wait(3600_000);
  assert.equal(sent.length, before);
});

test("a command is never sent twice", () => {
  link.send("decide", { action: "drop" });
  wait(3600_000);
  assert.equal(sent.length, 1);
});

test("nothing is asked for again after the kernel has gone", () => {
  link.send("page", { order: 1 });
  link.dead = true;
  wait(3600_000);
  assert.equal(sent.length, 1);
});
