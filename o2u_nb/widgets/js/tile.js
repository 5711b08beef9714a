// One tile: a picture, and what is known of the sample in words. Input: a row from Python, or
// nothing while it is on its way. Output: an element, which is used again for other rows.

import { ACTIONS } from "./actions.js";
import { make, write } from "./elements.js";
import { certainty, number } from "./text.js";

/** @import { Decision, Row, Words } from "./types.js" */
/** @typedef {ReturnType<typeof makeTile>} Tile */
/** @typedef {Decision | "saving" | "undecided" | "waiting"} State */

export function makeTile() {
  /** @type {(name: string, ...children: Node[]) => HTMLDivElement} */
  const part = (name, ...children) => make("div", { class: `o2u-${name}` }, ...children);
  const tile = {
    rank: make("span", { class: "o2u-rank" }),
    chance: make("span", { class: "o2u-chance" }),
    image: make("img", { alt: "", draggable: "false", hidden: true }),
    waiting: make("span", { class: "o2u-waiting" }, "…"),
    given: make("bdi"),
    suggested: make("bdi"),
    decision: part("decision"),
  };
  const node = make(
    "div", { class: "o2u-tile", role: "option" },
    part("head", tile.rank, tile.chance),
    part("frame", tile.image, tile.waiting),
    part("label o2u-given", make("small", {}, "given "), tile.given),
    part("label o2u-suggested", make("small", {}, "looks like "), tile.suggested),
    tile.decision,
  );
  return { node, ...tile };
}

/**
 * What a tile shows besides its row: whether a decision on it is being saved, its place, the length
 * of the list, and the words for decisions.
 * @typedef {{ saving: boolean, place: number, length: number, words: Words }} Context
 */

/**
 * Write a row into a tile.
 * @param {Tile} tile
 * @param {Row | undefined} row
 * @param {Context} context
 */
export function fillTile(tile, row, { saving, place, length, words }) {
  const state = stateOf(row, saving);
  tile.node.dataset.state = state;
  tile.node.dataset.id = row ? row.sample_id : "";
  tile.node.setAttribute("aria-posinset", String(place + 1));
  tile.node.setAttribute("aria-setsize", String(length));
  tile.node.setAttribute("aria-label", row ? spoken(row, state, words) : "not loaded yet");
  const id = row?.named ? [row.sample_id] : []; // an id may hold the name of the class
  tile.node.title = row ? [...id, spoken(row, state, words), ...remarks(row)].join("\n") : "";
  write(tile.rank, row ? ranked(row) : "", "");
  tile.node.dataset.same = String(row?.same_label ?? "");
  write(tile.chance, row ? likeness(row) || chance(row) : "", "");
  write(tile.given, row ? row.label ?? "hidden" : "", "");
  write(tile.suggested, row ? row.suggested ?? "no other class" : "", "");
  const mark = row && remarks(row).length ? " ✎" : "";
  write(tile.decision, row ? `${decided(row, state, words)}${mark}` : "", "");
}

/**
 * Say which rank a sample has; nothing while that is concealed.
 * @param {Pick<Row, "rank">} row
 */
export const ranked = ({ rank }) => (rank === null ? "" : `#${number(rank)}`);

/**
 * Say what was noted on a sample, in lines.
 * @param {Pick<Row, "note" | "tags">} row
 */
export const remarks = ({ note, tags }) =>
  [note && `Note: ${note}`, tags.length && `Tags: ${tags.join(", ")}`].filter(Boolean);

/**
 * Show a picture, or that there is none yet.
 * @param {Tile} tile
 * @param {string | null} url
 */
export function showPicture(tile, url) {
  tile.image.hidden = !url;
  tile.waiting.hidden = Boolean(url);
  if (url && tile.image.getAttribute("src") !== url) tile.image.src = url;
  if (!url) tile.image.removeAttribute("src");
}

/**
 * Return the state of the decision that a tile shows.
 * @param {Row | undefined} row
 * @param {boolean} saving
 * @returns {State}
 */
export function stateOf(row, saving) {
  if (saving) return "saving";
  return row ? row.decision ?? "undecided" : "waiting";
}

/**
 * Say how likely the label is wrong, and what else may be the matter with the sample.
 * @param {Row} row
 */
export function chance(row) {
  const kind = row.kind && row.kind !== "wrong" ? row.kind : "";
  return [certainty(row.p_wrong), kind].filter(Boolean).join(" · ");
}

/**
 * Say how similar the sample is to those that the list is about, and whether it has their label.
 * @param {Pick<Row, "similarity" | "same_label">} row
 */
export function likeness({ similarity, same_label: same }) {
  if (similarity === null) return "";
  const label = same === null ? "" : same ? " · same" : " · other";
  return `${similarity.toFixed(2)}${label}`;
}

/**
 * Say what was decided.
 * @param {Row} row
 * @param {State} state
 * @param {Words} words
 */
export function decided(row, state, words) {
  if (state === "saving") return "… saving";
  if (state === "undecided" || state === "waiting") return "undecided";
  const label = row.new_label === null ? "" : ` ${row.new_label}`;
  return `${ACTIONS[state].icon} ${words[state]}${label}`;
}

/**
 * Say all that a tile shows in one line, for screen readers.
 * @param {Row} row
 * @param {State} state
 * @param {Words} words
 */
export function spoken(row, state, words) {
  if (row.rank === null) return `given ${row.label ?? "hidden"}, ${decided(row, state, words)}`;
  const doubt = row.p_wrong === null ? "" : `, ${certainty(row.p_wrong)} likely wrong`;
  const kind = row.kind && row.kind !== "wrong" ? `, ${row.kind}` : "";
  const like = row.suggested ?? "no other class";
  const what = decided(row, state, words).replace(/^\S /, "");
  const labels = `given ${row.label}, looks like ${like}`;
  const alike = likeness(row).replace(" · ", ", ");
  const similar = alike && `, similarity ${alike}${row.same_label === null ? "" : " label"}`;
  return `rank ${number(row.rank)}, ${labels}${similar}${doubt}${kind}, ${what}`;
}
