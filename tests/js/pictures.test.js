// The cache of pictures: which are kept, and that no object URL is left behind.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Pictures } from "../../o2u_nb/widgets/js/pictures.js";

const { createObjectURL, revokeObjectURL } = URL;
let live;

beforeEach(() => {
  live = new Set();
  let last = 0;
  URL.createObjectURL = () => {
    live.add(`blob:${++last}`);
    return `blob:${last}`;
  };
  URL.revokeObjectURL = (url) => assert.ok(live.delete(url), `${url} was given back before`);
});

afterEach(() => Object.assign(URL, { createObjectURL, revokeObjectURL }));

const bytes = (length) => new Uint8Array(length);

test("a picture is found by sample and size", () => {
  const pictures = new Pictures(100);
  pictures.put("a/1.png", 64, bytes(10));
  assert.equal(pictures.get("a/1.png", 64), "blob:1");
  assert.equal(pictures.get("a/1.png", 128), null);
  assert.equal(pictures.get("a/2.png", 64), null);
});

test("the pictures that were not used for longest go first", () => {
  const pictures = new Pictures(30);
  for (const id of ["a", "b", "c"]) pictures.put(id, 64, bytes(10));
  pictures.get("a", 64);
  pictures.put("d", 64, bytes(20));
  assert.deepEqual(["a", "b", "c", "d"].map((id) => pictures.get(id, 64)), [
    "blob:1", null, null, "blob:4",
  ]);
  assert.deepEqual([...live], ["blob:1", "blob:4"]);
  assert.equal(pictures.held, 30);
});

test("one picture is kept even if it is larger than the cache", () => {
  const pictures = new Pictures(30);
  pictures.put("a", 64, bytes(10));
  pictures.put("b", 1024, bytes(50));
  assert.equal(pictures.get("a", 64), null);
  assert.equal(pictures.get("b", 1024), "blob:2");
});

test("a picture that comes again takes the place of the first", () => {
  const pictures = new Pictures(100);
  pictures.put("a", 64, bytes(10));
  pictures.put("a", 64, bytes(12));
  assert.equal(pictures.held, 12);
  assert.deepEqual([...live], ["blob:2"]);
});

test("until the right size is here, any other is shown", () => {
  const pictures = new Pictures(100);
  assert.equal(pictures.nearest("a", 128), null);
  pictures.put("a", 512, bytes(10));
  assert.equal(pictures.nearest("a", 128), "blob:1");
  pictures.put("a", 128, bytes(10));
  assert.equal(pictures.nearest("a", 128), "blob:2");
});

test("nothing is left when the grid goes", () => {
  const pictures = new Pictures(100);
  for (const id of ["a", "b"]) pictures.put(id, 64, bytes(10));
  pictures.clear();
  assert.deepEqual([pictures.held, live.size, pictures.get("a", 64)], [0, 0, null]);
});
