// Notes, tags, groups, accepting many and what a search finds: what is computed without a page.

import assert from "node:assert/strict";
import test from "node:test";

import { leftAlone, shareOf } from "../../o2u_nb/widgets/js/bulk.js";
import { groupAt, listedGroups } from "../../o2u_nb/widgets/js/groups.js";
import { offeredTags } from "../../o2u_nb/widgets/js/notes.js";
import { hiddenText } from "../../o2u_nb/widgets/js/notices.js";

test("tags in use are offered, those that begin with what was typed first", () => {
  const inUse = ["two cats", "night", "cat inside", "Blurred"];
  assert.deepEqual(offeredTags("", inUse, []), inUse);
  assert.deepEqual(offeredTags("cat", inUse, []), ["cat inside", "two cats"]);
  assert.deepEqual(offeredTags("night, BLUR", inUse, []), ["Blurred"]);
  assert.deepEqual(offeredTags("", inUse, ["night"]), ["two cats", "cat inside", "Blurred"]);
  assert.deepEqual(offeredTags("dog", inUse, []), []);
  const many = Array.from({ length: 30 }, (_, k) => `t${k}`);
  assert.equal(offeredTags("", many, []).length, 8);
});

test("a percentage that is typed is a share", () => {
  assert.deepEqual(
    ["95", "99.5", "99,5", "0", "100"].map(shareOf), [0.95, 0.995, 0.995, 0, 1]);
  assert.deepEqual(["", " ", "x", "-1", "101"].map(shareOf), [null, null, null, null, null]);
});

test("what is left alone is said with its reasons", () => {
  assert.equal(leftAlone({ decided: 0, unsuggested: 0 }), "");
  assert.equal(leftAlone({ decided: 1200, unsuggested: 0 }), "Not changed: 1,200 decided already.");
  assert.equal(
    leftAlone({ decided: 2, unsuggested: 3 }),
    "Not changed: 2 decided already, 3 without another label to suggest.");
});

test("the group of a place", () => {
  const groups = [[0, 3, "a"], [3, 4, "b"], [4, 9, "c"]];
  assert.deepEqual([0, 2, 3, 4, 8, 9, null].map((place) => groupAt(groups, place)),
    [0, 0, 1, 2, 2, -1, -1]);
});

test("groups around the current one are listed", () => {
  assert.deepEqual(listedGroups(3, 0), [0, 3]);
  assert.deepEqual(listedGroups(100, 0), [0, 40]);
  assert.deepEqual(listedGroups(100, 50), [30, 70]);
  assert.deepEqual(listedGroups(100, 99), [60, 100]);
  assert.deepEqual(listedGroups(0, 0), [0, 0]);
});

test("what a search finds that is hidden is said", () => {
  assert.equal(
    hiddenText({ count: 3, filters: ["suspects only", "class"] }, 2),
    "3 more are hidden by the filters (suspects only, class).");
  assert.equal(hiddenText({ count: 1, filters: ["class"] }, 0), "1 is hidden by the filters (class).");
});
