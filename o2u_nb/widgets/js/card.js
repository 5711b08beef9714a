// The card: all that Python knows of the current sample, as HTML in which Python has escaped what
// other people wrote. Cards are kept, and the next one is fetched before it is needed.

import { make, write } from "./elements.js";

/** @import { Grid } from "./grid.js" */
/** @import { Card, LikelyClass, Row } from "./types.js" */
/** @typedef {{ stamp: string, html: string, classes: LikelyClass[], near: string[] }} Known */

const KEPT = 100; // cards; each has some 40 kB with the pictures of its look-alikes

export class CardPane {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {Map<string, Known>} */
    this.cards = new Map(); // by id; the one that was fetched last is the last one
    this.shown = ""; // the HTML that is shown
    this.meant = make("p", { class: "o2u-meant", hidden: true });
    this.body = make("div", { onclick: (event) => this.pressed(event) });
    this.body.addEventListener("keydown", (event) => {
      if (/** @type {HTMLElement} */ (event.target).tagName === "BUTTON") return; // it is clicked
      if (["Enter", " "].includes(event.key)) this.pressed(event);
    });
    this.node = make(
      "section", { class: "o2u-card", "aria-label": "Why it is listed" }, this.meant, this.body,
    );
  }

  /** What makes a card out of date: a decision, other suspects, or what is concealed. */
  get stamp() {
    const { model } = this.grid;
    const { suspects } = model.get("counts"), { concealed } = model.get("settings");
    return `${model.get("revision")}/${suspects}/${concealed}`;
  }

  /** @param {string} id */
  known(id) {
    return this.cards.get(id);
  }

  /**
   * Say whether the card of a sample is here and up to date.
   * @param {string} id
   */
  isFresh(id) {
    return this.cards.get(id)?.stamp === this.stamp;
  }

  /**
   * Keep a card.
   * @param {Card} card
   */
  learn({ sample_id: id, html, classes, near }) {
    this.keep(id, { stamp: this.stamp, html, classes, near });
  }

  /**
   * Take the reason why a card cannot be shown, and do not ask for it again.
   * @param {string} id
   */
  fail(id) {
    this.keep(id, { stamp: this.stamp, html: "", classes: [], near: [] });
  }

  /**
   * @param {string} id
   * @param {Known} known
   */
  keep(id, known) {
    this.cards.delete(id);
    this.cards.set(id, known);
    for (const oldest of this.cards.keys()) {
      if (this.cards.size <= KEPT) break;
      this.cards.delete(oldest);
    }
  }

  /**
   * Show the card of a sample, or nothing until it is here: never that of another one.
   * @param {Row | undefined} row
   * @param {number} meant how many samples a decision is about
   */
  show(row, meant) {
    const html = (row && this.cards.get(row.sample_id)?.html) ?? "";
    this.meant.hidden = meant < 2;
    write(this.meant, `Keys and buttons decide all ${meant.toLocaleString("en")} selected samples.`);
    if (html === this.shown) return;
    this.shown = html;
    this.body.innerHTML = html;
    this.node.scrollTop = 0;
  }

  /** @param {Event} event */
  pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("[data-like]")) return this.like(event);
    const near = /** @type {HTMLElement | null} */ (target.closest("[data-near]"));
    const id = this.grid.row && this.cards.get(this.grid.row.sample_id)?.near[
      Number(near?.dataset.near)];
    if (near && id) this.grid.command("go", { sample_id: id });
  }

  /**
   * List what is like the current sample, which the card is about, whatever is selected.
   * @param {Event} event
   */
  like(event) {
    const { grid } = this;
    event.preventDefault();
    if (grid.place !== null) grid.alike.ask([[grid.place, grid.place + 1]]);
    grid.takeFocus();
  }
}
