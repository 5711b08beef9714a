// The picture of the current sample, and below it the likeliest other classes with their digits. It
// stands beside the list; "open" means that it takes the place of the list, and is large.

import { button, make } from "./elements.js";
import { fetchedFor } from "./geometry.js";
import { Likely } from "./likely.js";
import { ORIGINAL } from "./pictures.js";
import { Zoom } from "./zoom.js";

/** @import { Grid } from "./grid.js" */
/** @import { Row } from "./types.js" */

export class View {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.shown = ""; // id of the sample that is shown
    this.asked = ""; // id of the sample whose original was asked for last
    this.image = make("img", { alt: "", draggable: "false" });
    this.image.addEventListener("load", () => this.zoom.show());
    this.zoom = new Zoom(this.image, {
      takesWheel: () => this.isOpen || grid.review.isOpen,
      enlarged: () => this.askOriginal(),
    });
    this.likely = new Likely(grid);
    /** @type {(by: number, text: string, title: string) => HTMLElement} */
    const go = (by, text, title) => button(text, title, () => grid.move(by));
    const steps = make(
      "div", { class: "o2u-row o2u-steps" },
      go(-1, "‹ Previous", "Previous ( ← )"), go(1, "Next ›", "Next ( → )"),
      button("✕ Close", "Back to the list ( Escape )", () => this.close()),
    );
    this.node = make(
      "section", { class: "o2u-view", "aria-label": "Picture", tabindex: -1 },
      steps, this.zoom.frame, this.likely.node,
    );
  }

  get isOpen() {
    return this.grid.main.classList.contains("o2u-large");
  }

  open() {
    if (this.grid.place !== null) this.toggle(true);
  }

  close() {
    this.toggle(false);
  }

  /** @param {boolean} isOpen */
  toggle(isOpen) {
    this.grid.main.classList.toggle("o2u-large", isOpen);
    this.zoom.fit();
    this.grid.list.resized();
    this.grid.list.reveal();
    this.grid.takeFocus();
    this.grid.draw();
  }

  /** The size of the picture to ask for, so that it is shown sharply; see `geometry`. */
  get pixels() {
    const [width, height] = this.zoom.size;
    return fetchedFor(Math.max(width, height), window.devicePixelRatio || 1);
  }

  /** @param {Row | undefined} row */
  show(row) {
    const id = row?.sample_id ?? "", { pictures, card } = this.grid;
    if (id !== this.shown) this.zoom.fit();
    this.shown = id;
    const url = row && (pictures.get(id, ORIGINAL) ?? pictures.nearest(id, this.pixels));
    this.image.hidden = !url;
    if (url && this.image.src !== url) this.image.src = url;
    this.image.alt = row?.named ? id : "";
    this.likely.show(row ? card.known(id)?.classes : undefined);
  }

  /** Ask for all pixels of the picture, now that more of them can be seen. */
  askOriginal() {
    const { grid, shown } = this;
    if (!shown || this.asked === shown || grid.link.dead) return;
    this.asked = shown;
    if (!grid.pictures.get(shown, ORIGINAL)) grid.link.send("original", { sample_id: shown });
  }
}
