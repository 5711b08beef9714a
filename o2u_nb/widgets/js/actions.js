// The icons and keys of the commands that decide on a sample. Their words come from Python, in the
// trait `choices`. `accept` relabels with the class that the network suggests.

/** @typedef {"keep" | "accept" | "relabel" | "drop" | "unsure"} Action */

/** @type {Record<Action, { icon: string, key: string }>} */
export const ACTIONS = {
  keep: { icon: "✓", key: "k" },
  accept: { icon: "→", key: "s" },
  relabel: { icon: "⇄", key: "r" },
  drop: { icon: "✕", key: "d" },
  unsure: { icon: "?", key: "u" },
};

export const NAMES = /** @type {Action[]} */ (Object.keys(ACTIONS));
