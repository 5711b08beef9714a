// The browser's half of the suspect grid; the other half is grid.py, which says what a place and an
// order are. It draws what is on screen, asks Python only for that and for one page ahead, and
// sends every command to Python, which answers each of them.

import { Bulk } from "./bulk.js";
import { make, write } from "./elements.js";
import { LARGE, between, fetchedFor, stepped } from "./geometry.js";
import { Groups } from "./groups.js";
import { Help } from "./help.js";
import { commandOf, isCharacter, isSave } from "./keys.js";
import { Large } from "./large.js";
import { Link } from "./link.js";
import { List } from "./list.js";
import { Notes } from "./notes.js";
import { Notices } from "./notices.js";
import { Pictures } from "./pictures.js";
import { has, picked, size, span } from "./ranges.js";
import { Relabel } from "./relabel.js";
import { lacking, numbered, undecidedAfter } from "./rows.js";
import { Toolbar } from "./toolbar.js";

/** @import { Action } from "./actions.js" */
/** @import { Command } from "./keys.js" */
/** @import { Asked } from "./link.js" */
/** @import { Context } from "./tile.js" */
/** @import { Range } from "./ranges.js" */
/** @import { Done, HeldRow, Message, Model, Page } from "./types.js" */

/** @typedef {{ order: number, ranges: Range[] }} Targets places, and the list that they are in */

const CACHE = 64 << 20; // bytes of pictures kept
const REST = 80; // ms without a move until Python, and so other panels, hear what is current
const FIELDS = "input, select, textarea, .o2u-relabel button"; // these handle keys themselves
const RESTARTED =
  "The kernel was restarted: run the cell again to go on. All decisions are on disk.";

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
    this.toolbar = new Toolbar(this);
    this.list = new List(this);
    this.relabel = new Relabel(this);
    this.large = new Large(this);
    this.help = new Help(this);
    this.notes = new Notes(this);
    this.bulk = new Bulk(this);
    this.groups = new Groups(this);
    this.notices = new Notices(this);
    this.empty = make("div", { class: "o2u-empty", hidden: true });
    this.status = make("div", { class: "o2u-said", role: "status", "aria-live": "polite" });
    this.stage = make(
      "div", { class: "o2u-stage" },
      this.list.node, this.empty, this.large.node, this.relabel.node, this.help.node,
      this.notes.node, this.bulk.node,
    );
    this.observer = new ResizeObserver(() => this.list.resized());
    this.build();
    this.listen();
    this.adopt();
  }

  build() {
    this.root.classList.add("o2u-grid");
    // JupyterLab acts on single keys, such as "d d" for deleting a cell, so none may reach it.
    this.root.setAttribute("data-lm-suppress-shortcuts", "true");
    // A line of its own that is always equally high: the tiles must not move under the mouse.
    const { busy, counts } = this.toolbar;
    const line = make("div", { class: "o2u-line" }, this.status, busy, counts);
    const { groups, notices } = this;
    this.root.append(this.toolbar.node, line, notices.node, groups.node, this.stage);
  }

  listen() {
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.observer.observe(this.list.node);
    this.model.on("msg:custom", (message, buffers) => this.receive(message, buffers));
    this.model.on("change", () => this.adopt());
    const stretch = () => { this.stage.style.height = `${this.model.get("tall")}px`; };
    this.model.on("change:tall", stretch); // only then, since the reviewer can drag the height
    stretch();
    this.model.on("comm_live_update", () => this.died());
  }

  destroy() {
    this.link.dead = true;
    this.observer.disconnect();
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
  }

  take() {
    const { model } = this;
    this.order = model.get("order");
    this.length = model.get("length");
    this.place = model.get("place");
    this.chosen = model.get("chosen");
    this.settings = model.get("settings");
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
    if (message.kind === "page") this.takePage(message, buffers);
    if (message.kind === "likely") {
      this.relabel.learn(message);
      this.large.learn(message);
    }
    if (message.kind === "above") this.bulk.learn(message, buffers);
    if (message.kind === "near") this.relabel.learnNear(message);
    if (message.kind === "done") this.link.receive(message);
  }

  /**
   * @param {Asked} asked
   * @param {Done} message
   */
  answered(asked, { said, failed }) {
    if (failed) this.say(failed, true);
    else if (said) this.say(said);
    const { order, ranges } = asked.fields;
    if (asked.kind === "decide" && !failed) this.markDecided(order, ranges);
    // Traits may be set a moment after a message has arrived that was sent later than they were.
    setTimeout(() => {
      if (asked.kind === "page") this.paged(order, Boolean(failed));
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
    this.status.classList.toggle("o2u-error", isError);
    write(this.status, isError ? `⚠ ${text}` : text);
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
    this.groups.show();
    this.notices.show();
    this.notes.draw();
    if (this.large.isOpen) this.drawLarge();
    this.fetch();
  }

  drawLarge() {
    const { place } = this;
    if (place === null) return this.large.close();
    const row = this.rows.get(place);
    const url = row ? this.pictures.nearest(row.sample_id, LARGE) : null;
    this.large.show(row, url, this.contextOf(place));
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

  // Fetching: what is on screen, then one page ahead; one page at a time is on its way

  fetch() {
    const isOld = this.order !== this.model.get("order"); // for an old list Python sends no rows
    if (isOld || this.link.isAsking(this.order) || this.link.dead || !this.list.height) return;
    const [start, stop] = this.list.onScreen();
    const ahead = Math.min(stop + this.list.perPage, this.length);
    const large = this.large.isOpen && this.place !== null ? [this.place, this.place + 1] : [0, 0];
    this.ask(large[0], large[1], LARGE) || this.ask(start, stop, this.pixels)
      || this.ask(stop, ahead, this.pixels);
  }

  /**
   * Ask for what is lacking of the places from `start` to `stop`; return whether anything was.
   * @param {number} start
   * @param {number} stop
   * @param {number} pixels
   */
  ask(start, stop, pixels) {
    /** @type {(id: string) => boolean} */
    const hasPicture = (id) => this.pictures.get(id, pixels) !== null;
    const revision = this.model.get("revision");
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

  /** @param {number} place */
  askLikely(place) {
    if (this.link.dead) return;
    this.link.send("likely", { order: this.order, ranges: span(place, place) });
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
    if (name === "accept") this.decide("relabel");
    else if (name !== "relabel") this.decide(name);
    else if (this.mayDecide(this.targets())) this.relabel.open();
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
   * Send a decision. Without a new label, relabelling takes the suggested label of each sample.
   * @param {Action} action
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

  takeFocus() {
    (this.large.isOpen ? this.large.node : this.list.node).focus({ preventScroll: true });
  }

  // Keys

  /** @param {KeyboardEvent} event */
  key(event) {
    event.stopPropagation();
    if (event.isComposing || event.key === "Tab") return;
    const target = /** @type {HTMLElement} */ (event.target), command = commandOf(event);
    const isPressing = target.matches("button") && [" ", "Enter"].includes(event.key);
    const isFree = !target.matches(FIELDS) && !isPressing;
    if (command === "escape") this.escape(target);
    else if (isFree && command) this.run(command, event.shiftKey);
    // Nor may the browser act on other keys: Ctrl + S, for example, would save the page.
    else if (!(isFree && isCharacter(event)) && !isSave(event)) return;
    event.preventDefault();
  }

  /** @param {HTMLElement} target */
  escape(target) {
    if (!this.relabel.node.hidden) this.relabel.close();
    else if (this.notes.isOpen) this.notes.close();
    else if (this.bulk.isOpen) this.bulk.close();
    else if (!this.help.node.hidden) this.help.toggle();
    else if (target.matches(FIELDS)) this.takeFocus();
    else if (this.large.isOpen) this.large.close();
    else if (this.chosen.length) this.deselect();
  }

  /**
   * Carry out the command of a key.
   * @param {Exclude<Command, "escape">} command
   * @param {boolean} extend
   */
  run(command, extend) {
    const line = this.large.isOpen ? 1 : this.list.columns, page = this.list.perPage;
    /** @type {(by: number) => () => void} */
    const move = (by) => () => this.goTo((this.place ?? 0) + by, { extend });
    /** @type {Record<Exclude<Command, "escape">, () => void>} */
    const commands = {
      keep: () => this.act("keep"), accept: () => this.act("accept"),
      relabel: () => this.act("relabel"), drop: () => this.act("drop"),
      unsure: () => this.act("unsure"),
      left: move(-1), right: move(1), up: move(-line), down: move(line),
      pageUp: move(-page), pageDown: move(page), first: move(-Infinity), last: move(Infinity),
      next: () => this.next(), selectAll: () => this.selectAll(),
      toggle: () => this.place !== null && this.toggle(this.place),
      undo: () => this.command("undo"), redo: () => this.command("redo"),
      larger: () => this.resize(stepped(this.side, 1)),
      smaller: () => this.resize(stepped(this.side, -1)),
      open: () => this.large.open(), help: () => this.help.toggle(),
      search: () => this.toolbar.text.focus(),
      note: () => this.notes.open("note"), tags: () => this.notes.open("tags"),
      group: () => this.groups.selectCurrent(), bulk: () => this.bulk.open(),
    };
    commands[command]();
  }
}

/** @param {{ model: Model, el: HTMLElement }} given by anywidget */
function render({ model, el }) {
  const grid = new Grid(model, el);
  return () => grid.destroy();
}

export default { render };
