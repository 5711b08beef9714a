// Two lines that are there only when they are needed: what a search finds that the filters hide,
// with a button that shows it; and where pictures were expected that are missing.

import { button, make, write } from "./elements.js";
import { number } from "./text.js";

/** @import { Grid } from "./grid.js" */
/** @import { HiddenMatches } from "./types.js" */

/**
 * Say how many samples a search finds that are not shown, and what hides them.
 * @param {HiddenMatches} hidden
 * @param {number} shown
 */
export function hiddenText({ count, filters }, shown) {
  const more = shown ? " more" : "", are = count === 1 ? "is" : "are";
  return `${number(count)}${more} ${are} hidden by the filters (${filters.join(", ")}).`;
}

export class Notices {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.text = make("span");
    this.reveal = button("", "", () => {
      grid.command("reveal");
      grid.takeFocus();
    });
    this.found = make(
      "div", { class: "o2u-notice", role: "status", hidden: true }, this.text, this.reveal,
    );
    this.hint = make("div", { class: "o2u-notice o2u-error", role: "note", hidden: true });
    this.node = make("div", { class: "o2u-notices" }, this.hint, this.found);
  }

  show() {
    const { model, length } = this.grid, hidden = model.get("hidden"), hint = model.get("hint");
    this.found.hidden = !hidden.count;
    if (hidden.count) write(this.text, hiddenText(hidden, length));
    const them = hidden.count === 1 ? "it" : "them";
    write(this.reveal, `Show ${them}`, `Switch off just the filters that hide ${them}`);
    this.hint.hidden = !hint;
    write(this.hint, hint);
    if (this.node.hidden !== (!hint && !hidden.count)) {
      this.node.hidden = !this.node.hidden;
      this.grid.room.fit();
    }
  }
}
