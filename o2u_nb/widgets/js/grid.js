// The browser's half of the suspect grid; the other half is grid.py, which says what a place and an
// order are. It draws what is on screen, asks Python only for that and for one page ahead, and
// sends every command to Python, which answers each of them.

import { AlikeBar } from "./alike.js";
import { Bulk } from "./bulk.js";
import { CardPane } from "./card.js";
import { Commands } from "./commands.js";
import { Compare } from "./compare.js";
import { button, make, write } from "./elements.js";
import { between, fetchedFor } from "./geometry.js";
import { guard } from "./guard.js";
import { Groups } from "./groups.js";
import { Help } from "./help.js";
import { Link } from "./link.js";
import { List } from "./list.js";
import { Notes } from "./notes.js";
import { Notices } from "./notices.js";
import { ORIGINAL, Pictures } from "./pictures.js";
import { has, picked, size, span } from "./ranges.js";
import { Relabel } from "./relabel.js";
import { Review } from "./review.js";
import { Room } from "./room.js";
import { lacking, numbered, undecidedAfter } from "./rows.js";
import { Toolbar } from "./toolbar.js";
import { View } from "./view.js";

/** @import { Action } from "./actions.js" */
/** @import { Asked } from "./link.js" */
/** @import { Context } from "./tile.js" */
/** @import { Range } from "./ranges.js" */
/** @import { Card, Done, HeldRow, Message, Model, Page } from "./types.js" */

/** @typedef {{ order: number, ranges: Range[] }} Targets places, and the list that they are in */

const CACHE = 64 << 20; // bytes of pictures kept
const REST = 80; // ms without a move until Python, and so other panels, hear what is current
const RESTARTED =
  "The kernel was restarted: run the cell again, or Audit.open(folder).panel(), to go on. " +
  "All decisions are on disk.";

export class Grid {
  /**
   * @param {Model} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.id = `o2u-grid-${Math.random().toString(36).slice(2)}`;
    this.pictures = new Pictures(CACHE);
    /** @type {Map<number, HeldRow>} */
    this.rows = new Map(); // by place
    /** @type {{ order: number, rows: [number, HeldRow][] } | null} */
    this.coming = null; // the first rows of a list that is not on screen yet
    /** @type {ReturnType<typeof setTimeout> | null} */
    this.resting = null;
    this.quietAt = 0; // ms, as `performance.now` counts; see `hush`
    // What Python's traits said last, changed by the commands that are on their way to Python.
    this.order = -1;
    this.length = 0;
    /** @type {number | null} */
    this.place = null;
    this.anchor = 0; // where a selection with Shift begins
    /** @type {Range[]} */
    this.chosen = [];
    this.settings = model.get("settings");
    this.side = model.get("tile_size");
    this.words = model.get("choices").on_tile;
    this.link = new Link(model, {
      answered: (asked, message) => this.answered(asked, message),
      slow: (isSlow) => this.showBusy(isSlow),
    });
    this.commands = new Commands(this);
    this.room = new Room(this);
    this.toolbar = new Toolbar(this);
    this.list = new List(this);
    this.view = new View(this);
    this.card = new CardPane(this);
    this.compare = new Compare(this);
    this.relabel = new Relabel(this);
    this.help = new Help(this);
    this.notes = new Notes(this);
    this.bulk = new Bulk(this);
    this.groups = new Groups(this);
    this.notices = new Notices(this);
    this.alike = new AlikeBar(this);
    this.empty = make("div", { class: "o2u-empty", hidden: true });
    this.status = make("div", { class: "o2u-said", role: "status", "aria-live": "polite" });
    this.offer = button("Show it", "Clear the filters that hide it", () => this.showHidden());
    this.offer.hidden = true;
    this.hidden = ""; // id of a sample that the filters hide, and that is offered to be shown
    this.main = make(
      "div", { class: "o2u-main" },
      make("div", { class: "o2u-stage" }, this.list.node, this.empty),
      this.view.node, this.card.node, this.relabel.node, this.compare.node, this.notes.node,
      this.bulk.node, this.help.node,
    );
    // A line of its own that is always equally high: the tiles must not move under the mouse.
    const { busy, counts } = this.toolbar;
    const line = make("div", { class: "o2u-line" }, this.status, this.offer, busy, counts);
    // The list comes first, so that it is the first stop of the Tab key; it is drawn below the rest.
    const { alike, groups, notices } = this;
    this.review = new Review(
      this, this.main, this.toolbar.node, line, notices.node, alike.node, groups.node);
    this.observer = new ResizeObserver(() => this.resized());
    this.root.classList.add("o2u-grid");
    this.root.append(this.review.frame);
    this.release = guard(this.root, (event) => this.commands.key(event));
    this.listen();
    this.adopt();
  }

  listen() {
    this.root.addEventListener("o2u-key", (event) =>
      this.commands.key(/** @type {CustomEvent} */ (event).detail));
    this.root.addEventListener("pointerdown", () => { this.room.follows = false; }, true);
    this.observer.observe(this.list.node);
    this.observer.observe(this.view.zoom.frame);
    this.model.on("msg:custom", (message, buffers) => this.receive(message, buffers));
    this.model.on("change", () => this.adopt());
    this.model.on("change:tall", () => {
      this.main.style.height = ""; // as the reviewer may have dragged it
      this.room.fit();
    });
    this.model.on("comm_live_update", () => this.died());
  }

  resized() {
    this.room.fit();
    this.list.resized();
    this.view.zoom.show();
  }

  destroy() {
    this.link.dead = true;
    this.observer.disconnect();
    this.release();
    this.room.destroy();
    this.review.destroy();
    this.compare.clear();
    this.pictures.clear();
    clearTimeout(this.resting ?? undefined);
    clearTimeout(this.toolbar.timer);
  }

  // State: it is what Python says, unless commands are still on their way to Python

  /** Take over what Python's traits say, as soon as nothing is pending and the rows are here. */
  adopt() {
    if (this.link.commands().length || this.resting) return;
    const order = this.model.get("order"), isNew = order !== this.order;
    if (isNew && this.length && this.coming?.order !== order) return this.prepare(order);
    const before = this.place;
    if (isNew) this.rows = new Map(this.coming?.order === order ? this.coming.rows : []);
    this.take();
    if (isNew || before !== this.place) this.list.reveal();
    this.toolbar.show();
    this.draw();
    if (before !== this.place) this.room.reveal();
  }

  take() {
    const { model } = this;
    this.order = model.get("order");
    this.length = model.get("length");
    this.place = model.get("place");
    this.chosen = model.get("chosen");
    this.settings = model.get("settings");
    this.groups.take(model.get("groups")); // with the list that their places are in
    this.side = model.get("tile_size");
    if (!this.chosen.length && this.place !== null) this.anchor = this.place;
    this.list.measure();
  }

  /**
   * Ask for the rows of a new list. Until they are here, the old list stays on screen, and keys act
   * on it.
   * @param {number} order
   */
  prepare(order) {
    if (this.link.isAsking(order)) return;
    const place = this.model.get("place") ?? 0, around = this.list.perPage + this.list.columns;
    const start = Math.max(place - around, 0);
    const stop = Math.min(place + around, this.model.get("length"));
    this.link.send("page", { order, start, stop, size: this.pixels, pictures: [] });
  }

  /**
   * @param {Message} message
   * @param {DataView<ArrayBuffer>[]} buffers
   */
  receive(message, buffers) {
    const isMine = !("view" in message) || message.view === this.link.view;
    if (message.kind === "page") this.takePage(message, buffers);
    if (message.kind === "card") this.takeCard(message);
    if (message.kind === "original") {
      this.pictures.put(message.sample_id, ORIGINAL, buffers[0]);
      this.draw();
    }
    if (message.kind === "above") this.bulk.learn(message, buffers);
    if (message.kind === "compare" && isMine) this.compare.show(message, buffers);
    if (message.kind === "hidden" && isMine) this.offerHidden(message.sample_id);
    if (message.kind === "told") this.say(message.said);
    if (message.kind === "near") this.relabel.learnNear(message);
    if (message.kind === "done") this.link.receive(message);
  }

  /** @param {Card} card */
  takeCard(card) {
    this.card.learn(card);
    this.relabel.learn(card);
    this.draw();
  }

  /**
   * @param {Asked} asked
   * @param {Done} message
   */
  answered(asked, { said, failed }) {
    if (failed) this.say(failed, true);
    else if (said) this.say(said);
    if (asked.kind === "go" && said) this.offer.hidden = false;
    const { order, ranges } = asked.fields;
    if (asked.kind === "decide" && !failed) this.markDecided(order, ranges);
    if (asked.kind === "card" && failed) this.card.fail(asked.fields.sample_id);
    // Traits may be set a moment after a message has arrived that was sent later than they were.
    setTimeout(() => {
      if (asked.kind === "page") this.paged(order, Boolean(failed));
      else if (asked.kind === "card") this.fetch();
      else this.adopt();
    }, 0);
  }

  /**
   * @param {number} order
   * @param {boolean} failed
   */
  paged(order, failed) {
    if (!failed) this.fetch();
    else if (order !== this.order) this.receiveRows(order, []); // show the new list without rows
  }

  died() {
    this.link.dead = true;
    this.showBusy(false);
    this.say(RESTARTED, true);
  }

  /**
   * Write into the status line.
   * @param {string} text
   */
  say(text, isError = false) {
    this.offer.hidden = true;
    this.status.classList.toggle("o2u-error", isError);
    write(this.status, isError ? `⚠ ${text}` : text);
  }

  /**
   * Offer to show a sample that the filters hide; the status line says that they do.
   * @param {string} id
   */
  offerHidden(id) {
    this.hidden = id;
  }

  showHidden() {
    this.command("show", { sample_id: this.hidden });
    this.takeFocus();
  }

  /** @param {boolean} isSlow */
  showBusy(isSlow) {
    this.toolbar.busy.hidden = !isSlow || this.link.dead;
    this.list.node.setAttribute("aria-busy", String(isSlow));
  }

  // Drawing

  draw() {
    this.list.draw();
    this.drawEmpty();
    this.toolbar.count();
    this.view.show(this.row);
    this.card.show(this.row, size(this.chosen));
    this.groups.show();
    this.notices.show();
    this.alike.show();
    this.notes.draw();
    this.fetch();
  }

  /** The row of the current sample, if it is here. */
  get row() {
    return this.place === null ? undefined : this.rows.get(this.place);
  }

  /**
   * @param {number} place
   * @returns {Context}
   */
  contextOf(place) {
    return { saving: this.isSaving(place), place, length: this.length, words: this.words };
  }

  drawEmpty() {
    this.empty.hidden = this.length > 0;
    const { suspects, remaining } = this.model.get("counts");
    const done = suspects && !remaining ? " All suspects are decided." : "";
    write(this.empty, `Nothing to show with these filters.${done}`);
  }

  /**
   * Change the size of the tiles.
   * @param {number} side
   */
  resize(side) {
    this.side = side;
    this.model.set("tile_size", side);
    this.model.save_changes();
    this.list.measure();
    this.list.reveal();
    this.toolbar.show();
    this.draw();
  }

  /**
   * Say whether a decision on this place was sent, while its row does not tell of it yet.
   * @param {number} place
   */
  isSaving(place) {
    return Boolean(this.rows.get(place)?.isDecided) || this.link.commands().some(
      ({ kind, fields }) =>
        kind === "decide" && fields.order === this.order && has(fields.ranges, place));
  }

  /**
   * Mark what was recorded. The rows that Python sends next say what the decision is.
   * @param {number} order
   * @param {Range[]} ranges
   */
  markDecided(order, ranges) {
    if (order !== this.order) return;
    for (const [place, row] of this.rows) if (has(ranges, place)) row.isDecided = true;
  }

  get pixels() {
    return fetchedFor(this.side, window.devicePixelRatio || 1);
  }

  // Fetching: what is on screen, then one page ahead; one page at a time is on its way. Rows that
  // are not here at all come before those that a decision has made out of date, or else fast keys
  // would arrive where nothing is.

  fetch() {
    const isOld = this.order !== this.model.get("order"); // for an old list Python sends no rows
    if (isOld || this.link.isAsking(this.order) || this.link.dead || !this.list.height) return;
    const [start, stop] = this.list.onScreen();
    const ahead = Math.min(stop + this.list.perPage, this.length);
    const here = this.place ?? 0, next = this.nextPlace, { pixels } = this.view;
    const isQuiet = performance.now() >= this.quietAt;
    if (isQuiet) this.askCard(this.row) || this.askCard(this.rows.get(next));
    (isQuiet && this.ask(here, Math.min(here + 1, this.length), pixels))
      || this.ask(start, stop, this.pixels, null) || this.ask(stop, ahead, this.pixels, null)
      || this.ask(start, stop, this.pixels) || this.ask(stop, ahead, this.pixels)
      || (isQuiet && this.ask(next, Math.min(next + 1, this.length), pixels));
  }

  /** Ask for the card and the large picture only when no key has been pressed for a moment. */
  hush() {
    this.quietAt = performance.now() + REST;
    setTimeout(() => this.fetch(), REST + 1);
  }

  /** The place that is probably current after the next decision. */
  get nextPlace() {
    return this.place === null ? 0 : this.undecidedAfter(this.place);
  }

  /**
   * Ask for the card of a sample, unless it is here; return whether one is on its way.
   * @param {HeldRow | undefined} row
   */
  askCard(row) {
    if (this.link.isPending("card")) return true;
    if (!row || this.card.isFresh(row.sample_id)) return false;
    this.link.send("card", { sample_id: row.sample_id });
    return true;
  }

  /**
   * Ask for what is lacking of the places from `start` to `stop`; return whether anything was.
   * @param {number} start
   * @param {number} stop
   * @param {number} pixels
   * @param {number | null} revision that the rows must have, null where any will do
   */
  ask(start, stop, pixels, revision = this.model.get("revision")) {
    /** @type {(id: string) => boolean} */
    const hasPicture = (id) => this.pictures.get(id, pixels) !== null;
    const asked = lacking(this.rows, { start, stop, revision, hasPicture });
    if (asked) this.link.send("page", { order: this.order, size: pixels, ...asked });
    return asked !== null;
  }

  /**
   * @param {Page} page
   * @param {DataView<ArrayBuffer>[]} buffers
   */
  takePage(page, buffers) {
    page.pictures.forEach((id, k) => this.pictures.put(id, page.size, buffers[k]));
    if (page.order === this.order) {
      for (const [place, row] of numbered(page)) this.rows.set(place, row);
      this.draw();
    } else if (page.order === this.model.get("order")) {
      this.receiveRows(page.order, numbered(page));
    }
  }

  /**
   * @param {number} order
   * @param {[number, HeldRow][]} rows
   */
  receiveRows(order, rows) {
    this.coming = { order, rows };
    this.adopt();
  }

  /**
   * Ask whether a name that is no class is close to one.
   * @param {string} name
   */
  askNear(name) {
    if (this.link.dead) this.say(RESTARTED, true);
    else this.link.send("near", { name });
  }

  // Moving and selecting

  /** @param {number} by */
  move(by) {
    if (this.place !== null) this.goTo(this.place + by);
  }

  /**
   * Make a place current, and select all from the anchor to it if `extend`.
   * @param {number} place
   */
  goTo(place, { extend = false } = {}) {
    if (!this.length) return;
    this.place = between(place, 0, this.length - 1);
    if (!extend) this.anchor = this.place;
    this.chosen = extend ? span(this.anchor, this.place) : [];
    this.moved();
  }

  /**
   * Select one place more, or one less.
   * @param {number} place
   */
  toggle(place) {
    this.chosen = picked(this.chosen, this.place, place);
    this.place = this.anchor = place;
    this.moved();
  }

  selectAll() {
    if (!this.length) return;
    this.chosen = [[0, this.length]];
    this.moved();
  }

  deselect() {
    this.chosen = [];
    this.moved();
  }

  moved() {
    this.hush();
    this.compare.close();
    this.list.reveal();
    this.draw();
    clearTimeout(this.resting ?? undefined);
    this.resting = setTimeout(() => this.tellPlace(), REST);
  }

  tellPlace() {
    if (!this.resting) return;
    clearTimeout(this.resting);
    this.resting = null;
    if (this.link.dead) return;
    this.link.send("select", { order: this.order, place: this.place, ranges: this.chosen });
  }

  /**
   * Say what a command is about: the selection, or else the current sample, in the list on screen.
   * @returns {Targets}
   */
  targets() {
    const one = this.place === null ? [] : span(this.place, this.place);
    return { order: this.order, ranges: this.chosen.length ? this.chosen : one };
  }

  // Commands

  /** @param {Action} name */
  act(name) {
    const hidden = this.hides(name);
    if (hidden) this.say(`${hidden} is hidden now: choose the class that you see ( r ).`, true);
    else if (name === "accept") this.decide("relabel");
    else if (name !== "relabel") this.decide(name);
    else if (this.mayDecide(this.targets())) this.relabel.open();
  }

  /**
   * Return what an action would take without the reviewer having seen it; nothing if it may be done.
   * The kernel refuses it too, but only when the list has moved on.
   * @param {Action} name
   */
  hides(name) {
    const { place } = this, isMany = place === null || this.chosen.length > 0;
    const row = isMany ? undefined : this.rows.get(place);
    if (name === "accept" && this.settings.concealed) return "The suggestion";
    return name === "keep" && row?.label === null ? "The given label" : "";
  }

  /**
   * Return whether a decision on these places can be sent; if not, say why.
   * @param {Targets} targets
   */
  mayDecide({ ranges }) {
    const isWaiting = size(ranges) === 1 && !this.rows.has(ranges[0][0]);
    if (this.link.dead) this.say(RESTARTED, true);
    else if (!ranges.length) this.say("Nothing is selected.", true);
    else if (isWaiting) this.say("Wait until the picture is shown.", true);
    else return true;
    return false;
  }

  /**
   * Send a decision. Without a new label, relabelling takes the suggested label of each sample;
   * `again` decides as the last command did.
   * @param {Action | "again"} action
   * @param {string | null} newLabel
   * @param {Targets} targets
   * @param {boolean} isNew whether the new label becomes a class by this decision
   */
  decide(action, newLabel = null, targets = this.targets(), isNew = false) {
    const { order, ranges } = targets;
    if (!this.mayDecide(targets)) return;
    this.tellPlace();
    const last = ranges[ranges.length - 1][1] - 1;
    this.link.send("decide", { action, new_label: newLabel, new_class: isNew, order, ranges });
    // Python says which sample is next. Until it does, go to the one that it will probably be.
    this.hush();
    this.compare.close();
    this.chosen = [];
    if (this.settings.advance) this.place = this.anchor = this.undecidedAfter(last);
    this.list.reveal();
    this.draw();
  }

  /** @param {number} last */
  undecidedAfter(last) {
    return undecidedAfter(this.rows, last, this.length, (place) => this.isSaving(place));
  }

  /**
   * Send a command that is not a decision.
   * @param {string} kind
   * @param {Record<string, unknown>} fields
   */
  command(kind, fields = {}) {
    if (this.link.dead) return this.say(RESTARTED, true);
    this.tellPlace();
    this.link.send(kind, fields);
  }

  /**
   * Change a setting of the session.
   * @param {string} name
   * @param {unknown} value
   */
  set(name, value) {
    this.command("set", { name, value });
  }

  next() {
    if (this.place !== null) this.command("next", { order: this.order, place: this.place });
  }

  /** Show the two samples that are selected side by side, or the current one and its rival. */
  compareTwo() {
    if (this.compare.isOpen) return this.compare.close();
    this.command("compare", { ...this.targets() });
  }

  takeFocus() {
    (this.view.isOpen ? this.view.node : this.list.node).focus({ preventScroll: true });
  }
}

/** @param {{ model: Model, el: HTMLElement }} given by anywidget */
function render({ model, el }) {
  const grid = new Grid(model, el);
  return () => grid.destroy();
}

export default { render };
