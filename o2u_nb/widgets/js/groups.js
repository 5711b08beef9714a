// The row of groups: one button for each pair of given and suggested label in the list, with the
// number of its samples. A button selects its whole group.

import { button, make } from "./elements.js";
import { number } from "./text.js";

/** @import { Grid } from "./grid.js" */
/** @import { Group } from "./types.js" */

const CHIPS = 40; // groups at a time; the row can be scrolled

/**
 * Return the number of the group that a place is in, -1 where it is in none.
 * @param {Group[]} groups
 * @param {number | null} place
 */
export const groupAt = (groups, place) =>
  place === null ? -1 : groups.findIndex(([start, stop]) => start <= place && place < stop);

/**
 * Return which groups are listed, as [start, stop): some before the current one, and those after.
 * @param {number} length
 * @param {number} current
 */
export function listedGroups(length, current) {
  const start = Math.max(0, Math.min(current - CHIPS / 2, length - CHIPS));
  return [start, Math.min(start + CHIPS, length)];
}

export class Groups {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.drawn = "";
    /** @type {Group[]} */
    this.all = []; // those of the list on screen, which may be older than the model's
    this.starts = new Set(); // the places at which they begin
    this.node = make("div", { class: "o2u-groups", role: "group", "aria-label": "Groups" });
  }

  /**
   * Take over the groups of a list that comes on screen.
   * @param {Group[]} groups
   */
  take(groups) {
    this.all = groups;
    this.starts = new Set(groups.map(([start]) => start));
  }

  /**
   * Say whether a group begins at a place.
   * @param {number} place
   */
  isStart(place) {
    return this.starts.has(place);
  }

  show() {
    const { grid, all } = this, current = groupAt(all, grid.place);
    const [start, stop] = listedGroups(all.length, Math.max(current, 0));
    const shown = all.slice(start, stop), drawn = JSON.stringify([shown, current, all.length]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    if (this.node.hidden !== !all.length) {
      this.node.hidden = !all.length;
      grid.room.fit();
    }
    const before = start ? [`${number(start)} more …`] : [];
    const after = stop < all.length ? [`… ${number(all.length - stop)} more`] : [];
    this.node.replaceChildren(
      ...before, ...shown.map((group, k) => this.chip(group, start + k === current)), ...after);
    const active = this.node.querySelector("[aria-current]");
    if (active) this.node.scrollLeft = /** @type {HTMLElement} */ (active).offsetLeft - 60;
  }

  /**
   * @param {Group} group
   * @param {boolean} isCurrent
   */
  chip([start, stop, title], isCurrent) {
    const many = number(stop - start);
    const hint = `Select all ${many} of ${title} ( g selects the group of the current picture )`;
    const node = button("", hint, () => this.select([start, stop, title]), "o2u-chip");
    node.append(make("bdi", {}, title), ` ${many}`);
    if (isCurrent) node.setAttribute("aria-current", "true");
    return node;
  }

  /** @param {Group} group */
  select([start, stop]) {
    this.grid.goTo(start);
    this.grid.chosen = [[start, stop]];
    this.grid.moved();
    this.grid.takeFocus();
  }

  /** Select the group of the current sample; if there are no groups, make them first. */
  selectCurrent() {
    const { grid, all } = this, group = all[groupAt(all, grid.place)];
    if (!all.length) return grid.set("group_by", "pair");
    if (!group) return;
    grid.chosen = [[group[0], group[1]]];
    grid.moved();
  }
}
