// Keys: which command a key press stands for, and that the key sheet tells the truth.

import assert from "node:assert/strict";
import test from "node:test";

import { ACTIONS } from "../../o2u_nb/widgets/js/actions.js";
import {
  commandOf, isCharacter, isSave, latin, sheet,
} from "../../o2u_nb/widgets/js/keys.js";

const NONE = { code: "", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false };
const press = (key, more = {}) => ({ ...NONE, key, ...more });
const control = (key, more = {}) => press(key, { ctrlKey: true, ...more });

// The words of the buttons are Python's, see o2u_nb/review/words.py.
const BUTTONS = Object.fromEntries(
  Object.keys(ACTIONS).map((name) => [name, { text: `${name}…`, hint: `${name}s it` }]));
const SHEET = sheet(BUTTONS);

/** What each row of the sheet must do; null is a row for another part of the grid, or the mouse. */
const MEANT = {
  move: ["left", "up", "right", "down", "first", "last", "pageUp", "pageDown"],
  "select a range": null,
  "select one more, or one less": ["toggle"],
  "select all that is shown": ["selectAll"],
  "keep: keeps it": ["keep"],
  "accept: accepts it": ["accept"],
  "relabel: relabels it": ["relabel"],
  "drop: drops it": ["drop"],
  "unsure: unsures it": ["unsure"],
  "undo, redo": ["undo", "redo"],
  "change to the class with this digit, beside the picture": ["digit", "digit"],
  "review in the full window": ["review"],
  "zoom, and show all of the picture again": ["zoom", "fit"],
  "compare the two selected, or with its look-alike": ["compare"],
  "next undecided": ["next"],
  "group by pair, then select the group": ["group"],
  "accept all suggestions above a probability": ["bulk"],
  "the last decision again, for what is selected": ["again"],
  "list samples similar to this one, or to those selected": ["like"],
  "note, tags": ["note", "tags"],
  "large picture": ["open"],
  "larger, smaller tiles; zoom in the large picture": ["larger", "smaller"],
  "filter by text": ["search"],
  "close, deselect, or back from similar pictures": ["escape"],
  "show or hide these keys": ["help"],
};

const SYMBOLS = {
  "←": "ArrowLeft", "↑": "ArrowUp", "→": "ArrowRight", "↓": "ArrowDown", "−": "-", Space: " ",
};

/** Read a cell of the sheet, as "Ctrl + Z, Ctrl + Y", as key presses; the mouse is left out. */
function presses(text) {
  return text.split(", ").flatMap((part) => {
    if (part.endsWith("click")) return [];
    if (part.startsWith("Ctrl + ")) return [control(part.slice(7).toLowerCase())];
    if (part === "Page ↑ ↓") return [press("PageUp"), press("PageDown")];
    const keys = part.replace("… ", "").split(" ").map((key) => SYMBOLS[key] ?? key);
    return keys.map((key) => press(key));
  });
}

test("the sheet has the rows that are tested here, and no other", () => {
  assert.deepEqual(SHEET.map(([, what]) => what).sort(), Object.keys(MEANT).sort());
});

for (const [keys, what] of SHEET) {
  if (MEANT[what] === null) continue;
  test(`${keys}: ${what}`, () => assert.deepEqual(presses(keys).map(commandOf), MEANT[what]));
}

test("Shift with a move is the same move: the grid extends the selection", () => {
  for (const move of presses(SHEET[0][0])) {
    assert.equal(commandOf({ ...move, shiftKey: true }), commandOf(move));
  }
});

test("every decision has a key of its own", () => {
  const keys = Object.values(ACTIONS).map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
  for (const [name, { key }] of Object.entries(ACTIONS)) assert.equal(commandOf(press(key)), name);
});

test("every decision is on the sheet", () => {
  const sheet = SHEET.map(([keys]) => keys);
  for (const { key } of Object.values(ACTIONS)) assert.ok(sheet.includes(key), key);
});

test("there are second ways to redo and to enlarge", () => {
  assert.equal(commandOf(control("Z", { shiftKey: true })), "redo");
  assert.equal(commandOf(press("z", { metaKey: true })), "undo");
  assert.equal(commandOf(press("=")), "larger");
});

test("caps lock, Shift and other alphabets change no command", () => {
  assert.equal(commandOf(press("K")), "keep");
  assert.equal(commandOf(press("K", { shiftKey: true })), "keep");
  assert.equal(commandOf(press("л", { code: "KeyK" })), "keep");
  assert.equal(commandOf(control("я", { code: "KeyZ" })), "undo");
});

test("a key on a Latin keyboard is what is written on it, whatever its place", () => {
  assert.equal(latin(press("z", { code: "KeyY" })), "z"); // a German keyboard
  assert.equal(latin(press("Д", { code: "KeyL" })), "l");
  assert.equal(latin(press("é", { code: "Digit2" })), "é"); // a French one: no letter key
  assert.equal(latin(press("?", { code: "Minus" })), "?");
  assert.equal(latin(press("ArrowUp", { code: "ArrowUp" })), "ArrowUp");
});

test("keys without a command have none, whatever objects inherit", () => {
  for (const key of ["a", "x", "v", "Delete", "Backspace", "F5", "constructor", "toString"]) {
    assert.equal(commandOf(press(key)), null, key);
  }
  for (const key of ["k", "s", "d", "Enter", "ArrowLeft", "Home"]) {
    assert.equal(commandOf(control(key)), null, `Ctrl + ${key}`);
  }
});

test("nothing with Alt is ours but Escape", () => {
  for (const key of ["k", "ArrowLeft", "Enter"]) {
    assert.equal(commandOf(press(key, { altKey: true })), null);
    assert.equal(isCharacter(press(key, { altKey: true })), false);
  }
  assert.equal(commandOf(press("Escape", { altKey: true })), "escape");
});

test("single characters are kept from JupyterLab, shortcuts and named keys are not", () => {
  for (const key of ["a", "x", "0", "é", "Ж"]) assert.ok(isCharacter(press(key)), key);
  for (const key of ["Delete", "F5", "Dead", "Process"]) assert.ok(!isCharacter(press(key)), key);
  assert.ok(!isCharacter(control("c")));
  assert.ok(!isCharacter(press("c", { metaKey: true })));
});

test("saving the page is Ctrl or Cmd with s, on any layout", () => {
  assert.ok(isSave(control("s")));
  assert.ok(isSave(control("S", { shiftKey: true })));
  assert.ok(isSave(press("s", { metaKey: true })));
  assert.ok(isSave(control("ы", { code: "KeyS" })));
  assert.ok(!isSave(press("s")));
  assert.ok(!isSave(control("a")));
});
