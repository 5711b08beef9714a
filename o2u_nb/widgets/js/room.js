// The room that the grid has on the page: it is never higher than what one sees of the page at a
// time, and it is scrolled into view when keys decide, since a picture that lies below the fold is
// not seen.

/** @import { Grid } from "./grid.js" */

const LEAST = 260; // px of the list and the picture
const MARGIN = 12; // px that are left free above and below
const CELL = ".jp-Cell";
const VIEW = ".jp-LinkedOutputView"; // an output that has a view of its own in JupyterLab

export class Room {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.follows = false; // whether the last command came by a key
    this.observer = new ResizeObserver(() => this.fit());
    /** @type {Element | null} */
    this.watched = null;
  }

  /** The element that is scrolled to bring the grid into view, null for the page itself. */
  get scroller() {
    for (let node = this.grid.root.parentElement; node; node = node.parentElement) {
      if (node === document.body) return null;
      const { overflowY, maxHeight } = getComputedStyle(node);
      // What lies in a cell is as high as the grid itself, unless its height is limited.
      const isLimited = maxHeight !== "none" || !node.closest(CELL);
      if (["auto", "scroll"].includes(overflowY) && isLimited) return node;
    }
    return null;
  }

  /** The height of what one sees at a time. */
  get height() {
    const { scroller } = this;
    return Math.min(scroller ? scroller.clientHeight : Infinity, window.innerHeight);
  }

  /** Make the grid as high as it may be, and as there is room for. */
  fit() {
    const { root, main, model, review } = this.grid;
    if (!root.isConnected || review.isOpen) return;
    this.watch();
    const around = review.frame.offsetHeight - main.offsetHeight + MARGIN;
    const free = this.height - around, isFilled = root.closest(VIEW) !== null;
    const tall = isFilled ? free : Math.min(model.get("tall"), free);
    if (main.offsetHeight) main.style.setProperty("--o2u-tall", `${Math.max(tall, LEAST)}px`);
  }

  watch() {
    const { scroller } = this;
    if (scroller === this.watched) return;
    this.observer.disconnect();
    if (scroller) this.observer.observe(scroller);
    this.watched = scroller;
  }

  /** Scroll the page until the current picture is in view, if a key has brought it there. */
  reveal() {
    const { grid } = this, { main, review } = grid;
    if (!this.follows || review.isOpen || grid.place === null) return;
    const tile = grid.list.tiles.get(grid.place)?.node;
    const node = main.offsetHeight <= this.height || grid.view.isOpen ? main : tile;
    (node ?? main).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  destroy() {
    this.observer.disconnect();
  }
}
