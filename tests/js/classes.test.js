// Which classes the relabel dialog offers.

import assert from "node:assert/strict";
import test from "node:test";

import { filterable, offered, offersFor } from "../../o2u_nb/widgets/js/classes.js";

const CLASSES = ["cheetah", "jaguar", "leopard", "Tiger", "sea leopard", "zebra"];

test("without a text the likely classes come first, then the others in their order", () => {
  assert.deepEqual(offered("", ["zebra", "jaguar"], CLASSES), [
    "zebra", "jaguar", "cheetah", "leopard", "Tiger", "sea leopard",
  ]);
});

test("what begins with the text comes before what only contains it", () => {
  assert.deepEqual(offered("leo", ["sea leopard"], CLASSES), ["leopard", "sea leopard"]);
});

test("among those that begin with the text the likely ones come first", () => {
  assert.deepEqual(offered("b", ["bee", "bat"], ["ant", "bat", "bear", "bee"]), [
    "bee", "bat", "bear",
  ]);
});

test("case and space around the text do not matter", () => {
  assert.deepEqual(offered("  tIG ", [], CLASSES), ["Tiger"]);
});

test("no class is offered twice, and an unknown text offers none", () => {
  assert.equal(new Set(offered("", CLASSES, CLASSES)).size, CLASSES.length);
  assert.equal(offered("", CLASSES, CLASSES).length, CLASSES.length);
  assert.deepEqual(offered("lion", ["zebra"], CLASSES), []);
});

/** @type {(typed: string, most?: number) => { offers: object[], left: number }} */
const offers = (typed, most = 200) => offersFor(typed, ["zebra"], CLASSES, most);
/** @type {(...names: string[]) => object[]} */
const known = (...names) => names.map((name) => ({ name, isNew: false }));

test("what is no class yet is offered last, as a new one, and never before a class that fits", () => {
  assert.deepEqual(offers("leo").offers, [
    ...known("leopard", "sea leopard"), { name: "leo", isNew: true },
  ]);
  assert.deepEqual(offers(" lynx ").offers, [{ name: "lynx", isNew: true }]);
});

test("a class is not offered as a new one, and nothing is where nothing was typed", () => {
  assert.deepEqual(offers("leopard").offers, known("leopard", "sea leopard"));
  assert.deepEqual(offers(" Tiger").offers, known("Tiger"));
  for (const typed of ["", "  "]) {
    assert.deepEqual(offers(typed).offers, known("zebra", ...CLASSES.slice(0, 5)));
  }
});

test("a likely class is none to be made, though the review has no such class", () => {
  assert.deepEqual(offersFor("lynx", ["lynx"], CLASSES, 9).offers, known("lynx"));
});

test("another case or another space makes another name, about which Python asks", () => {
  assert.deepEqual(offers("tiger").offers, [...known("Tiger"), { name: "tiger", isNew: true }]);
  assert.deepEqual(offers("sea  leopard").offers, [{ name: "sea  leopard", isNew: true }]);
});

test("however many classes fit, the new one is offered; the others are counted", () => {
  assert.deepEqual(offers("e", 2), {
    offers: [...known("zebra", "cheetah"), { name: "e", isNew: true }], left: 3,
  });
  assert.deepEqual(offers("", 4), { offers: known("zebra", "cheetah", "jaguar", "leopard"), left: 2 });
  assert.deepEqual(offers("", 6).left, 0);
});

test("the class that is filtered by can be seen and lifted though it is a class no more", () => {
  assert.equal(filterable(CLASSES, null), CLASSES);
  assert.equal(filterable(CLASSES, "zebra"), CLASSES);
  assert.deepEqual(filterable(CLASSES, "lynx"), [...CLASSES, "lynx"]);
});
