// The scrolled list of tiles, of which only those on screen exist. It asks `geometry` where they
// are, and the grid what is in them.

import { make } from "./elements.js";
import {
  TALLEST, arrange, corner, firstAt, offsetAt, onScreen, perPage, revealing, rowAt, topAt,
} from "./geometry.js";
import { has } from "./ranges.js";
import { fillTile, makeTile, showPicture } from "./tile.js";

/** @import { Grid } from "./grid.js" */
/** @import { Tile } from "./tile.js" */

export class List {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {Map<number, Tile>} */
    this.tiles = new Map(); // by place
    /** @type {Tile[]} */
    this.spare = [];
    // Position of the scroll bar. The browser forgets it while the list is off the page.
    this.top = 0;
    this.soon = 0; // the number of the frame in which the list is drawn, see `drawSoon`
    this.spacer = make("div", { class: "o2u-spacer", role: "presentation" });
    this.node = make("div", {
      class: "o2u-list", role: "listbox", tabindex: 0, "aria-multiselectable": "true",
      "aria-label": "Suspects", onscroll: () => this.scrolled(),
      onclick: (event) => this.clicked(event), ondblclick: (event) => this.doubleClicked(event),
    }, this.spacer);
    this.layout = arrange({ side: grid.side, width: 0, length: 0 });
  }

  /** The height on screen: 0 while JupyterLab has taken the cell off the page. */
  get height() {
    return this.node.clientHeight;
  }

  get columns() {
    return this.layout.columns;
  }

  get perPage() {
    return perPage(this.layout, this.height);
  }

  /** Where the list is scrolled to, in pixels of the whole list. */
  get offset() {
    return offsetAt(this.layout, this.top, this.height);
  }

  /** @param {number} offset */
  scrollTo(offset) {
    this.top = topAt(this.layout, offset, this.height);
    this.node.scrollTop = this.top;
  }

  onScreen() {
    return onScreen(this.layout, this.offset, this.height);
  }

  /** Lay the tiles out anew: their size, their number or the width of the list has changed. */
  measure() {
    const { side, length } = this.grid;
    this.layout = arrange({ side, width: this.node.clientWidth, length });
    this.node.style.setProperty("--o2u-side", `${side}px`);
    this.node.style.setProperty("--o2u-across", `${this.layout.across}px`);
    this.spacer.style.height = `${Math.min(this.layout.total, TALLEST)}px`;
  }

  /** Scroll until the current tile is on screen as a whole. */
  reveal() {
    const { place } = this.grid;
    if (place === null || !this.height) return;
    const offset = revealing(this.layout, place, this.offset, this.height);
    if (offset !== this.offset) this.scrollTo(offset);
  }

  scrolled() {
    if (!this.height) return;
    this.top = this.node.scrollTop;
    this.grid.draw();
  }

  resized() {
    if (!this.height) return;
    const first = firstAt(this.layout, this.offset), { columns } = this;
    this.measure();
    if (columns !== this.columns) this.scrollTo(rowAt(this.layout, first));
    else this.node.scrollTop = this.top; // the browser has reset it while the list was off the page
    this.grid.draw();
  }

  draw() {
    if (!this.height) return this.drawSoon();
    const [start, stop] = this.onScreen();
    for (const [place, tile] of this.tiles) {
      if (place >= start && place < stop) continue;
      this.tiles.delete(place);
      this.spare.push(tile);
      tile.node.remove();
    }
    for (let place = start; place < stop; place++) this.drawTile(place);
    const active = this.grid.place === null ? undefined : this.tiles.get(this.grid.place);
    this.node.setAttribute("aria-activedescendant", active ? active.node.id : "");
  }

  /**
   * Draw with the next frame. JupyterLab takes a cell off the page and puts it back at once, as when
   * the theme changes; the observer of the size notices nothing of that.
   */
  drawSoon() {
    cancelAnimationFrame(this.soon);
    this.soon = requestAnimationFrame(() => { if (this.height) this.grid.draw(); });
  }

  /** @param {number} place */
  drawTile(place) {
    const { grid } = this, tile = this.tileAt(place), row = grid.rows.get(place);
    const [x, y] = corner(this.layout, place), shift = this.top - this.offset;
    tile.node.style.transform = `translate(${Math.round(x)}px, ${Math.round(y + shift)}px)`;
    tile.node.setAttribute("aria-selected", String(has(grid.chosen, place)));
    tile.node.classList.toggle("o2u-current", place === grid.place);
    tile.node.classList.toggle("o2u-first", grid.groups.isStart(place));
    fillTile(tile, row, grid.contextOf(place));
    showPicture(tile, row ? grid.pictures.nearest(row.sample_id, grid.pixels) : null);
  }

  /**
   * Return the tile at a place, and put one there if there is none.
   * @param {number} place
   */
  tileAt(place) {
    const known = this.tiles.get(place);
    if (known) return known;
    const tile = this.spare.pop() ?? makeTile();
    tile.node.id = `${this.grid.id}-${place}`;
    tile.node.dataset.place = String(place);
    this.tiles.set(place, tile);
    this.spacer.append(tile.node);
    return tile;
  }

  // Mouse

  /** @param {MouseEvent} event */
  placeAt(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const tile = /** @type {HTMLElement | null} */ (target.closest(".o2u-tile"));
    return tile ? Number(tile.dataset.place) : null;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const place = this.placeAt(event);
    this.grid.takeFocus();
    if (place === null) return;
    if (event.ctrlKey || event.metaKey) this.grid.toggle(place);
    else this.grid.goTo(place, { extend: event.shiftKey });
  }

  /** @param {MouseEvent} event */
  doubleClicked(event) {
    if (this.placeAt(event) !== null) this.grid.view.open();
  }
}
