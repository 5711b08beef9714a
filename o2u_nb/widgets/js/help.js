// The key sheet: a dialog that lists all keys.

import { button, make } from "./elements.js";
import { sheet } from "./keys.js";

/** @import { Grid } from "./grid.js" */

export class Help {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    const rows = sheet(grid.model.get("choices").buttons).map(([keys, what]) =>
      make("div", {}, make("dt", {}, make("kbd", {}, keys)), make("dd", {}, what)));
    this.node = make(
      "div", {
        class: "o2u-help", role: "dialog", "aria-label": "Keys", tabindex: -1, hidden: true,
      },
      make("dl", {}, ...rows),
      button("Close", "Close ( Escape )", () => this.toggle()),
    );
  }

  get isOpen() {
    return !this.node.hidden;
  }

  toggle() {
    this.node.hidden = !this.node.hidden;
    if (this.node.hidden) this.grid.takeFocus();
    else this.node.focus();
  }
}
