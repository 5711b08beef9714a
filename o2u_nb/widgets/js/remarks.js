// The filter by notes and tags: a list to choose from, which is there once something was noted.

import { filterable } from "./classes.js";
import { offer, select } from "./elements.js";

/** @import { Grid } from "./grid.js" */

const FIRST = ["all", "with a note"]; // before the tags

export class RemarkFilter {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {string[]} */
    this.tags = [];
    this.list = select("Notes", FIRST, (k) => this.chosen(k));
    this.node = this.list.node;
  }

  /** @param {number} k of what was chosen */
  chosen(k) {
    this.grid.set("note_filter", k === 1);
    this.grid.set("tag_filter", this.tags[k - FIRST.length] ?? null);
  }

  show() {
    const { grid, list } = this, { tag_filter: tag, note_filter: isNoted } = grid.settings;
    const tags = filterable(grid.model.get("tags"), tag);
    if (String(tags) !== String(this.tags)) offer(list.field, [...FIRST, ...tags]);
    this.tags = tags;
    this.node.hidden = !isNoted && !tags.length && !grid.model.get("noted");
    list.field.selectedIndex = tag === null ? Number(isNoted) : FIRST.length + tags.indexOf(tag);
  }
}
