// Two samples side by side: their pictures, and what is known of each. Python says which two.

import { button, make, write } from "./elements.js";

/** @import { Grid } from "./grid.js" */
/** @import { Compared } from "./types.js" */

export class Compare {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {string[]} */
    this.urls = [];
    this.sides = make("div", { class: "o2u-sides" });
    this.about = make("span", { class: "o2u-title" });
    this.node = make(
      "div", {
        class: "o2u-compare", role: "dialog", "aria-label": "Two samples side by side",
        tabindex: -1, hidden: true,
      },
      make("div", { class: "o2u-row" }, this.about,
        button("✕ Close", "Close ( Escape )", () => this.close())),
      this.sides,
    );
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /**
   * @param {Compared} message
   * @param {DataView<ArrayBuffer>[]} buffers
   */
  show({ ids, cards }, buffers) {
    this.clear();
    this.urls = buffers.map((bytes) =>
      URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
    this.sides.replaceChildren(...ids.map((id, k) => {
      const text = make("div", { class: "o2u-side" });
      text.innerHTML = cards[k]; // Python has escaped what other people wrote
      return make("div", {}, make("img", { src: this.urls[k], alt: id }), text);
    }));
    const which = this.grid.chosen.length ? "both" : "the one on the left";
    write(this.about, `Side by side. Keys and buttons decide ${which}.`);
    this.node.hidden = false;
    this.node.focus({ preventScroll: true });
  }

  close() {
    if (!this.isOpen) return;
    this.node.hidden = true;
    this.clear();
    this.grid.takeFocus();
  }

  clear() {
    this.urls.forEach((url) => URL.revokeObjectURL(url));
    this.urls = [];
    this.sides.replaceChildren();
  }
}
