// Which key means what. Input: a key press, as a KeyboardEvent describes it. Output: the name of a
// command, which the grid carries out, or null. The key sheet tells the user the same.

import { ACTIONS, NAMES } from "./actions.js";

/** @import { Action } from "./actions.js" */
/** @import { Buttons } from "./types.js" */

/**
 * @typedef {Pick<KeyboardEvent, "key" | "code" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">}
 *   Press
 */

/**
 * @typedef {"left" | "right" | "up" | "down" | "pageUp" | "pageDown" | "first" | "last"} Move
 * @typedef {Action | Move | "digit" | "next" | "larger" | "smaller" | "zoom" | "fit" | "open" |
 *   "compare" | "review" | "toggle" | "help" | "search" | "note" | "tags" |
 *   "group" | "bulk" | "like" | "again" | "selectAll" | "undo" | "redo" | "escape"} Command
 */

/** @type {Record<string, Move>} */
const MOVES = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  PageUp: "pageUp", PageDown: "pageDown", Home: "first", End: "last",
};

/** @type {Record<string, Command>} */
const PLAIN = {
  ...Object.fromEntries(NAMES.map((name) => [ACTIONS[name].key, name])), ...MOVES,
  ...Object.fromEntries([..."123456789"].map((key) => [key, "digit"])),
  n: "next", "+": "larger", "=": "larger", "-": "smaller", z: "zoom", 0: "fit", Enter: "open",
  c: "compare", f: "review", " ": "toggle", "?": "help", "/": "search",
  m: "note", t: "tags", g: "group", b: "bulk", l: "like", ".": "again",
};

/** @type {Record<string, Command>} */
const WITH_CONTROL = { a: "selectAll", z: "undo", y: "redo" };

/**
 * Return the key sheet: keys, and what they do.
 * @param {Buttons} buttons
 * @returns {[keys: string, what: string][]}
 */
export const sheet = (buttons) => [
  ["← ↑ → ↓, Home, End, Page ↑ ↓", "move"],
  ["Shift + move, Shift + click", "select a range"],
  ["Ctrl + click, Space", "select one more, or one less"],
  ["Ctrl + A", "select all that is shown"],
  ...NAMES.map((name) => decisionRow(name, buttons[name])),
  [".", "the last decision again, for what is selected"],
  ["1 … 9", "change to the class with this digit, beside the picture"],
  ["Ctrl + Z, Ctrl + Y", "undo, redo"],
  ["n", "next undecided"],
  ["g", "group by pair, then select the group"],
  ["b", "accept all suggestions above a probability"],
  ["l", "list samples similar to this one, or to those selected"],
  ["m, t", "note, tags"],
  ["Enter, double click", "large picture"],
  ["f", "review in the full window"],
  ["z, 0", "zoom, and show all of the picture again"],
  ["+ −", "larger, smaller tiles; zoom in the large picture"],
  ["c", "compare the two selected, or with its look-alike"],
  ["/", "filter by text"],
  ["Escape", "close, deselect, or back from similar pictures"],
  ["?", "show or hide these keys"],
];

/**
 * Return a decision's row of the key sheet; the "…" of a button that opens a dialog is left out.
 * @param {Action} name
 * @param {{ text: string, hint: string }} button
 * @returns {[keys: string, what: string]}
 */
const decisionRow = (name, { text, hint }) => [
  ACTIONS[name].key, `${text.replace(/…$/, "")}: ${hint}`,
];

/**
 * Return the key as on a Latin keyboard, in lower case, so that Cyrillic layouts work, and Caps
 * Lock makes no difference.
 * @param {Pick<Press, "key" | "code">} press
 */
export function latin({ key, code }) {
  if (key.length > 1) return key;
  return (key > "~" && code.startsWith("Key") ? code.slice(3) : key).toLowerCase();
}

/** @param {Press} press */
const hasControl = ({ ctrlKey, metaKey }) => ctrlKey || metaKey;

/**
 * Return the command that a key press stands for. The grid itself looks whether Shift is held down
 * with a move, which extends the selection.
 * @param {Press} press
 * @returns {Command | null}
 */
export function commandOf(press) {
  if (press.key === "Escape") return "escape";
  if (press.altKey) return null;
  const key = latin(press), table = hasControl(press) ? WITH_CONTROL : PLAIN;
  const command = Object.hasOwn(table, key) ? table[key] : null;
  return command === "undo" && press.shiftKey ? "redo" : command;
}

/**
 * Return whether a press would write a character. JupyterLab acts on such keys, so none may reach
 * it.
 * @param {Press} press
 */
export const isCharacter = (press) =>
  !press.altKey && !hasControl(press) && latin(press).length === 1;

/**
 * Return whether a press asks the browser to save the page.
 * @param {Press} press
 */
export const isSave = (press) => hasControl(press) && latin(press) === "s";
