// The relabel dialog: a line to type in, and the classes below it, likeliest first. A name that is
// no class yet is offered as a new one. If it is close to a class, the dialog asks which one is
// meant.

import { offersFor } from "./classes.js";
import { button, make, write } from "./elements.js";
import { between } from "./geometry.js";
import { Question, quoted } from "./question.js";
import { size } from "./ranges.js";
import { number, percent } from "./text.js";
import { ranked } from "./tile.js";

/** @import { Offer } from "./classes.js" */
/** @import { Grid } from "./grid.js" */
/** @import { Range } from "./ranges.js" */
/** @import { Card, LikelyClass, Near } from "./types.js" */

const LISTED = 200; // classes offered at a time

export class Relabel {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {{ order: number, ranges: Range[] }} */
    this.targets = { order: -1, ranges: [] }; // the places that are relabelled
    this.first = ""; // id of the first of them
    /** @type {LikelyClass[]} */
    this.likely = []; // to that one
    /** @type {Offer[]} */
    this.offers = [];
    this.active = 0; // index in `offers`
    /** @type {string | null} */
    this.asking = null; // the new name that Python was asked about
    /** @type {string[]} */
    this.classes = [];
    this.numbered = true; // digits choose a likely class
    this.list = make("div", {
      class: "o2u-classes", role: "listbox", id: `${grid.id}-classes`, "aria-label": "Classes",
      onclick: (event) => this.clicked(event),
    });
    this.input = make("input", {
      type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": this.list.id,
      "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
      oninput: () => this.browse(0), onkeydown: (event) => this.key(event),
    });
    this.question = new Question(`${grid.id}-question`, (meant) => this.take(meant));
    this.title = make("span", { class: "o2u-title" });
    this.node = make(
      "div", { class: "o2u-relabel", role: "dialog", "aria-label": "Relabel", hidden: true },
      make("label", {}, this.title, this.input), this.list, this.question.node,
      button("Cancel", "Change nothing ( Escape )", () => this.close()),
    );
  }

  open() {
    const { grid } = this;
    this.targets = grid.targets();
    this.classes = grid.model.get("choices").classes; // anew, since a review can make classes
    // If a class name begins with a digit, digits must be typed.
    this.numbered = !this.classes.some((name) => /^\d/.test(name));
    const [first] = this.targets.ranges[0], row = grid.rows.get(first);
    const many = `${number(size(this.targets.ranges))} samples`;
    const isOne = row && size(this.targets.ranges) === 1;
    const one = row && [ranked(row), `given ${row.label ?? "hidden"}`].filter(Boolean).join(", ");
    const what = isOne ? one : many;
    const known = row && grid.card.known(row.sample_id);
    this.first = row?.sample_id ?? "";
    this.likely = known?.classes ?? (row?.suggested ? [[row.suggested, null]] : []);
    this.input.value = "";
    write(this.title, `New label for ${what}`);
    this.input.placeholder = this.numbered ? "type, or 1 to 9" : "type, or ↑ ↓ and Enter";
    this.node.hidden = false;
    this.offer(0);
    this.input.focus();
    if (row && !known) grid.link.send("card", { sample_id: this.first });
  }

  close() {
    if (this.node.hidden) return;
    this.asking = null;
    this.node.hidden = true;
    this.grid.takeFocus();
  }

  /**
   * Take the likely classes from Python.
   * @param {Card} message
   */
  learn({ sample_id: id, classes }) {
    if (id !== this.first) return;
    this.likely = classes;
    if (!this.node.hidden && !this.question.isOpen) this.offer(this.active);
  }

  /**
   * Take Python's answer about a new name: make the class, or ask which one is meant.
   * @param {Near} message
   */
  learnNear({ name, near }) {
    if (name !== this.asking) return; // since then other text was typed, or the dialog was closed
    this.asking = null;
    if (near === null) return this.take({ name, isNew: true });
    this.showList(false);
    this.question.ask(name, near);
  }

  /**
   * List the classes anew, since the reviewer goes on typing or choosing; then nothing is asked.
   * @param {number} active
   */
  browse(active) {
    this.asking = null;
    this.offer(active);
  }

  /** @param {boolean} isShown whether to show the classes instead of the question */
  showList(isShown) {
    if (isShown) this.question.close();
    this.list.hidden = !isShown;
    this.input.setAttribute("aria-expanded", String(isShown));
  }

  /**
   * List the classes that match what was typed, and mark one of them.
   * @param {number} active
   */
  offer(active) {
    const likely = this.likely.map(([name]) => name);
    const { offers, left } = offersFor(this.input.value, likely, this.classes, LISTED);
    this.offers = offers;
    this.active = between(active, 0, Math.max(offers.length - 1, 0));
    this.showList(true);
    this.draw(left);
  }

  /** @param {number} left how many classes match but are not listed */
  draw(left) {
    const text = `… ${number(left)} more: type to narrow`;
    const more = left ? [make("div", { class: "o2u-more" }, text)] : [];
    const options = this.offers.map((offer, k) => this.option(offer, k));
    const made = this.offers.at(-1)?.isNew ? options.splice(-1) : [];
    this.list.replaceChildren(...options, ...more, ...made);
    const active = this.list.querySelector("[aria-selected=true]");
    this.input.setAttribute("aria-activedescendant", active ? active.id : "");
    active?.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {Offer} offer
   * @param {number} k
   */
  option({ name, isNew }, k) {
    const rank = this.likely.findIndex(([likely]) => likely === name);
    const digit = this.numbered && !this.input.value && rank >= 0 ? `${rank + 1}` : "";
    const share = rank >= 0 ? percent(this.likely[rank][1]) : "";
    const words = isNew ? ["New class ", ...quoted(name)] : [make("bdi", {}, name)];
    return make(
      "div", {
        role: "option", id: `${this.list.id}-${k}`, "data-k": k, title: name,
        "aria-selected": String(k === this.active),
      },
      make("kbd", {}, digit), make("span", {}, ...words), make("small", {}, share),
    );
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const isDigit = this.numbered && !this.input.value && /^[1-9]$/.test(event.key);
    const picked = isDigit ? this.likely[Number(event.key) - 1] : undefined;
    if (event.isComposing) return;
    if (picked) this.take({ name: picked[0], isNew: false });
    else if (this.question.isOpen && event.key !== "Enter") return; // the list is not shown
    else if (event.key === "ArrowDown") this.browse(this.active + 1);
    else if (event.key === "ArrowUp") this.browse(this.active - 1);
    else if (event.key === "Enter" && this.offers.length) this.choose(this.offers[this.active]);
    else if (!isDigit) return; // the grid handles Escape
    event.preventDefault();
  }

  /** @param {MouseEvent & { target: HTMLElement }} event */
  clicked(event) {
    const option = /** @type {HTMLElement | null} */ (event.target.closest("[data-k]"));
    if (option) this.choose(this.offers[Number(option.dataset.k)]);
  }

  /**
   * Take a class, or ask Python about a new name.
   * @param {Offer} offer
   */
  choose({ name, isNew }) {
    if (!isNew) return this.take({ name, isNew });
    this.asking = name;
    this.grid.askNear(name);
  }

  /**
   * Relabel with the class that is meant.
   * @param {Offer} meant
   */
  take({ name, isNew }) {
    this.close();
    this.grid.decide("relabel", name, this.targets, isNew);
  }
}
