// What a key does in the grid. Keys come from the grid itself, or from elsewhere in the panel that it
// is in; see guard.js.

import { stepped } from "./geometry.js";
import { isField, isTaken } from "./guard.js";
import { commandOf } from "./keys.js";

/** @import { Grid } from "./grid.js" */
/** @import { Command } from "./keys.js" */

const PANS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

export class Commands {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target), command = commandOf(event);
    const isFree = !isTaken(target, event) && !target.closest(".o2u-relabel, .o2u-dialog");
    if (!command || (command !== "escape" && !isFree)) return;
    event.preventDefault();
    this.grid.room.follows = true;
    if (command === "escape") this.escape(target);
    else if (this.grid.help.isOpen) this.grid.help.toggle(); // it hides what a key would act on
    else if (command === "digit") this.grid.view.likely.take(Number(event.key));
    else this.run(command, event.shiftKey);
    this.grid.room.reveal();
  }

  /**
   * Close what was opened last, or take back what was selected.
   * @param {HTMLElement} target
   */
  escape(target) {
    const { relabel, notes, bulk, help, compare, view, review, chosen, alike } = this.grid;
    if (!relabel.node.hidden) relabel.close();
    else if (notes.isOpen) notes.close();
    else if (bulk.isOpen) bulk.close();
    else if (help.isOpen) help.toggle();
    else if (compare.isOpen) compare.close();
    else if (isField(target)) this.grid.takeFocus();
    else if (view.zoom.isZoomed) view.zoom.fit();
    else if (view.isOpen) view.close();
    else if (chosen.length) this.grid.deselect();
    else if (alike.isOn) alike.stop();
    else if (review.isOpen) review.toggle();
  }

  /**
   * @param {Exclude<Command, "escape" | "digit">} command
   * @param {boolean} extend whether a move selects what it passes
   */
  run(command, extend) {
    const { grid } = this, { view, list } = grid;
    const line = view.isOpen ? 1 : list.columns, page = list.perPage;
    const zooms = view.isOpen || view.zoom.isZoomed;
    if (view.zoom.isZoomed && Object.hasOwn(PANS, command)) {
      const [right, down] = PANS[/** @type {keyof typeof PANS} */ (command)];
      return view.zoom.nudge(right, down);
    }
    /** @type {(by: number) => () => void} */
    const move = (by) => () => grid.goTo((grid.place ?? 0) + by, { extend });
    /** @type {(by: 1 | -1) => () => void} */
    const size = (by) => () => (zooms ? view.zoom.step(by) : grid.resize(stepped(grid.side, by)));
    /** @type {Record<Exclude<Command, "escape" | "digit">, () => void>} */
    const commands = {
      keep: () => grid.act("keep"), accept: () => grid.act("accept"),
      relabel: () => grid.act("relabel"), drop: () => grid.act("drop"),
      unsure: () => grid.act("unsure"),
      left: move(-1), right: move(1), up: move(-line), down: move(line),
      pageUp: move(-page), pageDown: move(page), first: move(-Infinity), last: move(Infinity),
      next: () => grid.next(), selectAll: () => grid.selectAll(),
      toggle: () => grid.place !== null && grid.toggle(grid.place),
      undo: () => grid.command("undo"), redo: () => grid.command("redo"),
      larger: size(1), smaller: size(-1), zoom: () => view.zoom.toggle(),
      fit: () => view.zoom.fit(), open: () => view.open(), help: () => grid.help.toggle(),
      search: () => grid.toolbar.text.focus(), compare: () => grid.compareTwo(),
      review: () => grid.review.toggle(), note: () => grid.notes.open("note"),
      tags: () => grid.notes.open("tags"), group: () => grid.groups.selectCurrent(),
      bulk: () => grid.bulk.open(), like: () => grid.alike.ask(),
      again: () => grid.decide("again"),
    };
    commands[command]();
  }
}
