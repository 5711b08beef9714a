// The toolbar: filters above, decisions below. What the reviewer chooses is sent to Python, and
// what is shown are the settings that Python holds.

import { ACTIONS, NAMES } from "./actions.js";
import { filterable } from "./classes.js";
import { button, checkbox, chip, make, offer, select, showChip, write } from "./elements.js";
import { STEPS, stepOf } from "./geometry.js";
import { size } from "./ranges.js";
import { RemarkFilter } from "./remarks.js";
import { number } from "./text.js";

/** @import { Action } from "./actions.js" */
/** @import { Grid } from "./grid.js" */
/** @import { Settings } from "./types.js" */

/**
 * Say whether a filter hides something, apart from the one for suspects.
 * @param {Settings} settings
 */
const isFiltered = (settings) =>
  [
    settings.label_filter, settings.pair_filter, settings.position_filter, settings.tag_filter,
    settings.alike_filter,
  ].some((filter) => filter !== null)
  || settings.text_filter !== "" || settings.decision_filter !== "all" || settings.note_filter;

const TYPING = 250; // ms without a key until a text filter is applied

export class Toolbar {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    const { orders, order_titles: titles, decisions } = grid.model.get("choices");
    /** @type {(name: string, value: unknown) => void} */
    const set = (name, value) => grid.set(name, value);
    /** @type {string[]} */
    this.classes = []; // the classes that are offered; a review can make more
    this.label = select("Class", [], (k) => set("label_filter", k ? this.classes[k - 1] : null));
    this.decision = select("Show", decisions, (k) => set("decision_filter", decisions[k]));
    this.order = select("Order", titles, (k) => set("order_by", orders[k]));
    this.descending = button("", "", () => set("descending", !grid.settings.descending));
    this.byPair = checkbox("by pair", (isOn) => set("group_by", isOn ? "pair" : ""));
    this.byPair.node.title = "Put samples with the same given and suggested label together ( g )";
    this.suspects = checkbox("suspects only", (isOn) => set("only_suspects", isOn));
    this.advance = checkbox("move on", (isOn) => set("advance", isOn));
    this.advance.node.title = "After a decision, go to the next undecided sample";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.text = make("input", {
      type: "search", class: "o2u-text", placeholder: "id or label…  ( / )",
      oninput: () => this.typed(), onkeydown: (event) => this.textKey(event), "aria-label": "Filter by text in id or label",
    });
    this.size = make("input", {
      type: "range", class: "o2u-size", min: 0, max: STEPS.length - 1,
      "aria-label": "Size of tiles", title: "Size of tiles ( + − )",
      oninput: () => grid.resize(STEPS[Number(this.size.value)]),
    });
    this.clear = button("Clear filters", "Show all again: class, text, decisions, notes and plots", () =>
      grid.command("clear"));
    this.pair = chip(() => set("pair_filter", null));
    this.picked = chip(() => set("position_filter", null));
    this.remarks = new RemarkFilter(grid);
    this.counts = make("span", { class: "o2u-counts" });
    this.busy = make("span", { class: "o2u-busy", hidden: true }, "⏳ kernel busy");
    this.actions = Object.fromEntries(NAMES.map((name) => [name, this.action(name)]));
    this.undo = this.button("↶", "Undo", "Undo ( Ctrl + Z )", () => grid.command("undo"));
    this.redo = this.button("↷", "Redo", "Redo ( Ctrl + Y )", () => grid.command("redo"));
    this.review = button("", "", () => grid.review.toggle());
    this.screen = button("", "", () => grid.review.toggleScreen());
    this.many = this.button("✓✓", "Accept many…", "Accept all suggestions above a probability ( b )", () =>
      this.grid.bulk.open());
    this.node = make("div", { class: "o2u-toolbar" }, this.filters(), this.commands());
  }

  filters() {
    return make(
      "div", { class: "o2u-row", role: "group", "aria-label": "Filters" },
      this.label.node, this.decision.node, this.order.node, this.descending, this.byPair.node,
      this.suspects.node, this.remarks.node, this.text, this.pair, this.picked, this.clear,
      make("label", { class: "o2u-field" }, "Size", this.size),
    );
  }

  commands() {
    return make(
      "div", { class: "o2u-row", role: "group", "aria-label": "Decisions" },
      ...NAMES.map((name) => this.actions[name]), this.undo, this.redo, this.advance.node,
      this.many,
      this.button("✎", "Note…", "Note and tags ( m, t )", () => this.grid.notes.open("note")),
      this.button("⌨", "Keys", "All keys ( ? )", () => this.grid.help.toggle()),
      this.review, this.screen,
    );
  }

  /**
   * Make a button whose word is left out where there is little room.
   * @param {string} icon
   * @param {string} word
   * @param {string} title
   * @param {() => void} pressed
   */
  button(icon, word, title, pressed) {
    const node = button(icon, title, pressed);
    node.append(make("span", { class: "o2u-long" }, ` ${word}`));
    node.setAttribute("aria-label", word);
    return node;
  }

  /** @param {Action} name */
  action(name) {
    const { icon, key } = ACTIONS[name];
    const { text, hint } = this.grid.model.get("choices").buttons[name];
    const node = button(`${icon} ${text} `, `${hint} ( ${key} )`, () => this.grid.act(name));
    node.append(make("kbd", { "aria-hidden": "true" }, key));
    node.setAttribute("aria-keyshortcuts", key);
    return node;
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.grid.set("text_filter", this.text.value), TYPING);
  }

  /**
   * Enter finds what was typed, also where the filters hide it.
   * @param {KeyboardEvent} event
   */
  textKey(event) {
    if (event.isComposing || event.key !== "Enter") return;
    event.preventDefault();
    clearTimeout(this.timer);
    this.grid.command("find", { text: this.text.value });
    this.grid.takeFocus();
  }

  /** Show the settings that hold now. */
  show() {
    const { settings, model } = this.grid, { classes, orders, decisions } = model.get("choices");
    const { label_filter: label, pair_filter: pair, position_filter: picked } = settings;
    this.offerClasses(filterable(classes, label));
    this.label.field.selectedIndex = label === null ? 0 : this.classes.indexOf(label) + 1;
    this.decision.field.selectedIndex = decisions.indexOf(settings.decision_filter);
    this.order.field.selectedIndex = orders.indexOf(settings.order_by);
    write(this.descending, settings.descending ? "↓ highest" : "↑ lowest", "Reverse the order");
    this.suspects.field.checked = settings.only_suspects;
    this.byPair.field.checked = settings.group_by === "pair";
    this.remarks.show();
    this.advance.field.checked = settings.advance;
    this.conceal();
    if (document.activeElement !== this.text) this.text.value = settings.text_filter;
    this.size.value = String(stepOf(this.grid.side));
    this.size.setAttribute("aria-valuetext", `${this.grid.side} pixels`);
    showChip(this.pair, pair && `given ${pair[0]}, looks like ${pair[1]}`);
    showChip(this.picked, picked === null ? null : `${number(picked)} picked in a plot`);
    const isAlike = settings.alike_filter !== null; // then the most similar come first
    this.order.field.disabled = isAlike;
    /** @type {HTMLButtonElement} */ (this.descending).disabled = isAlike;
    this.clear.hidden = !isFiltered(settings);
    this.showReview();
    this.count();
  }

  /** Leave out what would betray the ranking, or the label, while it is concealed. */
  conceal() {
    const { concealed } = this.grid.settings, hidesKeep = concealed === "labels";
    const hidesLabel = hidesKeep || concealed === "some labels";
    this.grid.root.classList.toggle("o2u-concealed", concealed !== "");
    const telling = [
      this.order.node, this.descending, this.byPair.node, this.suspects.node, this.many,
      this.actions.accept,
    ];
    for (const node of telling) node.hidden = concealed !== "";
    for (const node of [this.label.node, this.text]) node.hidden = hidesLabel;
    this.actions.keep.hidden = hidesKeep;
  }

  /** Show the ways into the full window and out of it. */
  showReview() {
    const { isOpen, isFullScreen } = this.grid.review;
    write(this.review, isOpen ? "✕ Leave" : "Review in full window",
      isOpen ? "Back to the notebook ( Escape )" : "Review in the full window ( f )");
    this.screen.hidden = !isOpen;
    write(this.screen, isFullScreen ? "Window" : "Full screen",
      isFullScreen ? "Leave full screen" : "Fill the whole screen");
  }

  /** @param {string[]} classes */
  offerClasses(classes) {
    if (String(classes) === String(this.classes)) return;
    this.classes = classes;
    offer(this.label.field, ["all classes", ...classes]);
  }

  /** Show how many samples are decided, shown and selected. */
  count() {
    const { suspects, remaining } = this.grid.model.get("counts"), { length, chosen } = this.grid;
    const { concealed } = this.grid.settings;
    const selected = chosen.length ? ` · ${number(size(chosen))} selected` : "";
    const done = `${number(suspects - remaining)} of ${number(suspects)} suspects decided · `;
    write(this.counts, `${concealed ? "" : done}${number(length)} shown${selected}`, "");
  }
}
