// The large view: one sample as large as there is room for, with all that its tile says and the
// reason why it is a suspect.

import { button, make, write } from "./elements.js";
import { chance, decided, stateOf } from "./tile.js";
import { number } from "./text.js";

/** @import { Grid } from "./grid.js" */
/** @import { Context } from "./tile.js" */
/** @import { Likely, Row } from "./types.js" */

export class Large {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.explained = ""; // id of the sample whose reason was asked for last
    this.image = make("img", { alt: "" });
    this.facts = make("dl");
    this.reason = make("p");
    /** @type {(by: number, text: string, title: string) => HTMLElement} */
    const go = (by, text, title) => button(text, title, () => grid.move(by));
    this.node = make(
      "div", {
        class: "o2u-large", role: "dialog", "aria-label": "Large picture", tabindex: -1,
        hidden: true,
      },
      make("div", { class: "o2u-picture" }, this.image),
      make(
        "div", { class: "o2u-facts" },
        make(
          "div", { class: "o2u-row" },
          go(-1, "‹ Previous", "Previous ( ← )"), go(1, "Next ›", "Next ( → )"),
          button("✕ Close", "Close ( Escape )", () => this.close()),
        ),
        this.facts, this.reason,
      ),
    );
  }

  get isOpen() {
    return !this.node.hidden;
  }

  open() {
    if (this.grid.place === null) return;
    this.node.hidden = false;
    this.grid.takeFocus();
    this.grid.draw();
  }

  close() {
    this.node.hidden = true;
    this.grid.takeFocus();
  }

  /**
   * Show a sample.
   * @param {Row | undefined} row
   * @param {string | null} url
   * @param {Context} context
   */
  show(row, url, { saving, place, length, words }) {
    this.image.hidden = !url;
    if (url) this.image.src = url;
    this.image.alt = row ? row.sample_id : "";
    if (!row) return;
    const state = stateOf(row, saving);
    this.node.dataset.state = state;
    this.list({
      Sample: row.sample_id,
      Place: `${number(place + 1)} of ${number(length)}, rank ${number(row.rank)}`,
      Given: row.label,
      Seems: row.suggested ?? "nothing else",
      "Likely wrong": chance(row) || "not known",
      Decision: decided(row, state, words),
      Note: row.note,
    });
    if (this.explained === row.sample_id) return;
    this.explained = row.sample_id;
    write(this.reason, "");
    this.grid.askLikely(place);
  }

  /** @param {Record<string, string>} facts by name; empty ones are left out */
  list(facts) {
    const known = Object.entries(facts).filter(([, fact]) => fact);
    this.facts.replaceChildren(...known.flatMap(([name, fact]) =>
      [make("dt", {}, name), make("dd", { title: fact }, make("bdi", {}, fact))]));
  }

  /**
   * Take the reason from Python.
   * @param {Likely} message
   */
  learn({ sample_id: id, reason }) {
    if (id === this.explained) write(this.reason, reason);
  }
}
