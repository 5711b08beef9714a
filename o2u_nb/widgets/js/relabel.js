// The relabel dialog: a line to type in, and the classes below it, likeliest first.

import { offered } from "./classes.js";
import { button, make, write } from "./elements.js";
import { between } from "./geometry.js";
import { size } from "./ranges.js";
import { number, percent } from "./text.js";

/** @import { Grid } from "./grid.js" */
/** @import { Range } from "./ranges.js" */
/** @import { Likely, LikelyClass } from "./types.js" */

const LISTED = 200; // classes offered at a time

export class Relabel {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {{ order: number, ranges: Range[] }} */
    this.targets = { order: -1, ranges: [] }; // what is relabelled
    /** @type {LikelyClass[]} */
    this.likely = [];
    /** @type {string[]} */
    this.found = [];
    this.active = 0; // index in `found`
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
      oninput: () => this.offer(0), onkeydown: (event) => this.key(event),
    });
    this.title = make("span", { class: "o2u-title" });
    this.node = make(
      "div", { class: "o2u-relabel", role: "dialog", "aria-label": "Relabel", hidden: true },
      make("label", {}, this.title, this.input), this.list,
      button("Cancel", "Change nothing ( Escape )", () => this.close()),
    );
  }

  open() {
    const { grid } = this;
    this.targets = grid.targets();
    this.classes = grid.model.get("choices").classes; // a review can make more of them
    this.numbered = !this.classes.some((name) => /^\d/.test(name)); // else digits are typed
    const [first] = this.targets.ranges[0], row = grid.rows.get(first);
    const many = `${number(size(this.targets.ranges))} samples`;
    const isOne = row && size(this.targets.ranges) === 1;
    const what = isOne ? `#${number(row.rank)}, given ${row.label}` : many;
    this.likely = row?.suggested ? [[row.suggested, null]] : [];
    this.input.value = "";
    write(this.title, `New label for ${what}`);
    this.input.placeholder = this.numbered ? "type, or 1 to 9" : "type, or ↑ ↓ and Enter";
    this.node.hidden = false;
    this.offer(0);
    this.input.focus();
    grid.askLikely(first);
  }

  close() {
    if (this.node.hidden) return;
    this.node.hidden = true;
    this.grid.takeFocus();
  }

  /**
   * Take the likely classes from Python.
   * @param {Likely} message
   */
  learn({ classes }) {
    this.likely = classes;
    if (!this.node.hidden) this.offer(this.active);
  }

  /**
   * List the classes that fit what was typed, and mark one of them.
   * @param {number} active
   */
  offer(active) {
    const likely = this.likely.map(([name]) => name);
    const found = offered(this.input.value, likely, this.classes);
    this.found = found.slice(0, LISTED);
    this.active = between(active, 0, Math.max(this.found.length - 1, 0));
    this.draw(found.length - this.found.length);
  }

  /** @param {number} left how many more there are than are listed */
  draw(left) {
    /** @type {(text: string) => HTMLElement} */
    const line = (text) => make("div", { class: "o2u-more" }, text);
    const more = left > 0 ? [line(`… ${number(left)} more: type to narrow`)] : [];
    const none = this.found.length ? [] : [line("no such class")];
    const options = this.found.map((name, k) => this.option(name, k));
    this.list.replaceChildren(...options, ...none, ...more);
    const active = this.list.querySelector("[aria-selected=true]");
    this.input.setAttribute("aria-activedescendant", active ? active.id : "");
    active?.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {string} name
   * @param {number} k
   */
  option(name, k) {
    const rank = this.likely.findIndex(([likely]) => likely === name);
    const digit = this.numbered && !this.input.value && rank >= 0 ? `${rank + 1}` : "";
    const share = rank >= 0 ? percent(this.likely[rank][1]) : "";
    return make(
      "div", {
        role: "option", id: `${this.list.id}-${k}`, "data-k": k, title: name,
        "aria-selected": String(k === this.active),
      },
      make("kbd", {}, digit), make("bdi", {}, name), make("small", {}, share),
    );
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const isDigit = this.numbered && !this.input.value && /^[1-9]$/.test(event.key);
    const picked = isDigit ? this.likely[Number(event.key) - 1] : undefined;
    if (event.isComposing) return;
    if (picked) this.choose(picked[0]);
    else if (event.key === "ArrowDown") this.offer(this.active + 1);
    else if (event.key === "ArrowUp") this.offer(this.active - 1);
    else if (event.key === "Enter" && this.found.length) this.choose(this.found[this.active]);
    else if (!isDigit) return; // Escape is the grid's
    event.preventDefault();
  }

  /** @param {MouseEvent & { target: HTMLElement }} event */
  clicked(event) {
    const option = /** @type {HTMLElement | null} */ (event.target.closest("[data-k]"));
    if (option) this.choose(this.found[Number(option.dataset.k)]);
  }

  /** @param {string} name */
  choose(name) {
    this.close();
    this.grid.decide("relabel", name, this.targets);
  }
}
