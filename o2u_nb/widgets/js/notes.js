// The dialog for notes and tags: a place to type a note in, and a line for tags, with those that
// are in use below it. Input: the samples that a command is about. Output: commands for Python,
// which records them; what is shown are the rows that Python sends.

import { dialogOf } from "./dialog.js";
import { button, make, write } from "./elements.js";
import { has, size } from "./ranges.js";
import { number } from "./text.js";

/** @import { Grid } from "./grid.js" */
/** @import { Range } from "./ranges.js" */

const OFFERED = 8; // tags at a time
const LONGEST_NOTE = 2000; // characters of a note, as in review/remarks.py

/**
 * List the tags to offer: those in use that contain what was typed after the last comma, and that
 * the samples have not yet. Those that begin with it come first.
 * @param {string} typed
 * @param {string[]} inUse the commonest first
 * @param {string[]} own
 */
export function offeredTags(typed, inUse, own) {
  const text = (typed.split(",").at(-1) ?? "").trim().toLocaleLowerCase();
  const found = inUse.filter(
    (tag) => tag.toLocaleLowerCase().includes(text) && !own.includes(tag));
  /** @type {(tag: string) => number} */
  const begins = (tag) => Number(tag.toLocaleLowerCase().startsWith(text));
  return found.sort((a, b) => begins(b) - begins(a)).slice(0, OFFERED);
}

export class Notes {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {{ order: number, ranges: Range[] }} */
    this.targets = { order: -1, ranges: [] };
    this.before = ""; // the note when the dialog was opened
    this.drawn = ""; // the tags that are drawn
    this.title = make("span", { class: "o2u-title" });
    this.note = make("textarea", {
      rows: 3, maxlength: LONGEST_NOTE, "aria-label": "Note", placeholder: "a note for later readers",
      onkeydown: (event) => this.noteKey(event),
    });
    this.tags = make("input", {
      type: "text", "aria-label": "Tags", placeholder: "tags, with commas", autocomplete: "off",
      oninput: () => this.draw(), onkeydown: (event) => this.tagKey(event),
    });
    this.own = make("div", { class: "o2u-tags", role: "group", "aria-label": "Tags it has" });
    this.offers = make("div", { class: "o2u-tags", role: "group", "aria-label": "Tags in use" });
    this.node = dialogOf(
      "o2u-notes", "Note and tags", this.title, this.note, this.tags, this.own,
      this.offers,
      make(
        "div", { class: "o2u-row" },
        button("Save", "Save the note and the tags ( Enter )", () => this.save()),
        button("Cancel", "Leave the note as it was ( Escape )", () => this.close()),
      ),
    );
  }

  get isOpen() {
    return this.node.open;
  }

  /** @param {"note" | "tags"} field the one to type in */
  open(field) {
    const { grid } = this;
    this.targets = grid.targets();
    if (!grid.mayDecide(this.targets)) return;
    const count = size(this.targets.ranges), row = grid.rows.get(this.targets.ranges[0][0]);
    write(this.title, count === 1 && row?.named ? row.sample_id : `${number(count)} samples`);
    this.before = count === 1 && row ? row.note : "";
    this.note.value = this.before;
    this.note.placeholder = count === 1 ? "a note" : "a note that replaces the present ones";
    this.tags.value = "";
    this.drawn = "";
    this.node.showModal();
    this.draw();
    (field === "note" ? this.note : this.tags).focus();
  }

  close() {
    if (!this.isOpen) return;
    this.node.close();
    this.grid.takeFocus();
  }

  /** The tags of the samples that the dialog is about, as far as their rows are here. */
  get held() {
    const { grid, targets } = this, tags = new Set();
    if (targets.order !== grid.order) return [];
    for (const [place, row] of grid.rows) {
      if (has(targets.ranges, place)) row.tags.forEach((tag) => tags.add(tag));
    }
    return [...tags].sort();
  }

  draw() {
    if (!this.isOpen) return;
    const own = this.held, offered = offeredTags(this.tags.value, this.grid.model.get("tags"), own);
    const drawn = JSON.stringify([own, offered]);
    if (drawn === this.drawn) return; // a button that is pressed must not be replaced meanwhile
    this.drawn = drawn;
    this.own.replaceChildren(...own.map((tag) =>
      this.chip(`${tag} ✕`, `Remove the tag ${tag}`, () => this.send("untag", [tag]))));
    this.offers.replaceChildren(...offered.map((tag) =>
      this.chip(`+ ${tag}`, `Add the tag ${tag}`, () => this.send("tag", [tag]))));
    this.own.hidden = !own.length;
    this.offers.hidden = !offered.length;
  }

  /**
   * @param {string} text
   * @param {string} title
   * @param {() => void} pressed
   */
  chip(text, title, pressed) {
    return button(text, title, () => {
      pressed();
      this.tags.focus(); // the button may be taken away, and the focus must not go with it
    }, "o2u-chip");
  }

  /**
   * @param {"tag" | "untag"} kind
   * @param {string | string[]} tags
   */
  send(kind, tags) {
    this.grid.command(kind, { tags, ...this.targets });
  }

  /** @param {KeyboardEvent} event */
  noteKey(event) {
    if (event.isComposing || event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    this.save();
  }

  /** @param {KeyboardEvent} event */
  tagKey(event) {
    if (event.isComposing || event.key !== "Enter") return;
    event.preventDefault();
    this.save();
  }

  /** Send what was typed, and close. */
  save() {
    const { note, tags } = this;
    if (note.value.trim() !== this.before.trim()) {
      this.grid.command("note", { text: note.value, ...this.targets });
    }
    if (tags.value.trim()) this.send("tag", tags.value);
    this.close();
  }
}
