// The decisions as buttons and keys. `accept` is a relabel to the class that the network suggests.

/** @typedef {"keep" | "accept" | "relabel" | "drop" | "unsure"} Action */

/**
 * @typedef {object} Look
 * @property {string} icon
 * @property {string} [word] what a tile says when this was decided
 * @property {string} button
 * @property {string} key
 * @property {string} hint
 */

/** @type {Record<Action, Look>} */
export const ACTIONS = {
  keep: { icon: "✓", word: "kept", button: "Keep", key: "k", hint: "the given label is right" },
  accept: { icon: "→", button: "Accept", key: "s", hint: "change to the suggested label" },
  relabel: { icon: "⇄", word: "now", button: "Relabel…", key: "r", hint: "choose another label" },
  drop: { icon: "✕", word: "dropped", button: "Drop", key: "d", hint: "take out of the data" },
  unsure: { icon: "?", word: "unsure", button: "Unsure", key: "u", hint: "cannot tell" },
};
