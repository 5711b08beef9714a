// Which classes the relabel dialog offers.

import assert from "node:assert/strict";
import test from "node:test";

import { offered } from "../../o2u_nb/widgets/js/classes.js";

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
