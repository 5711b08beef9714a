// The dialog that accepts many suggestions at once: a probability, and what is accepted from it on,
// in numbers, pairs and first pictures. Input: previews from Python. Output: one command, with the
// number of samples that was shown, so that nothing else is accepted.

import { dialogOf } from "./dialog.js";
import { button, make, write } from "./elements.js";
import { number } from "./text.js";

/** @import { Grid } from "./grid.js" */
/** @import { Above } from "./types.js" */

const BEGINNING = 95; // percent
const PREVIEWED = 128; // of the longest side of a picture, as in further.py
const SETTLED = 120; // ms without a change until Python is asked

/**
 * Read a percentage that was typed, as a share from 0 to 1; null where it is none.
 * @param {string} text
 */
export function shareOf(text) {
  const percent = Number(text.replace(",", "."));
  const isPercent = text.trim() !== "" && percent >= 0 && percent <= 100;
  return isPercent ? percent / 100 : null;
}

/**
 * Say what is left alone, and why.
 * @param {Pick<Above, "decided" | "unsuggested">} found
 */
export function leftAlone({ decided, unsuggested }) {
  const parts = [
    decided ? `${number(decided)} decided already` : "",
    unsuggested ? `${number(unsuggested)} without another label to suggest` : "",
  ].filter(Boolean);
  return parts.length ? `Not changed: ${parts.join(", ")}.` : "";
}

export class Bulk {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {Above | null} */
    this.found = null; // the preview that is shown
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    const change = { oninput: (/** @type {Event} */ event) => this.typed(event) };
    this.slider = make("input", {
      type: "range", min: 0, max: 100, step: 1, "aria-label": "Probability in percent", ...change,
    });
    this.field = make("input", {
      type: "number", min: 0, max: 100, step: "any", "aria-label": "Probability in percent",
      onkeydown: (event) => this.key(event), ...change,
    });
    this.count = make("p", { role: "status", "aria-live": "polite" });
    this.left = make("p", { class: "o2u-more" });
    this.pairs = make("ul");
    this.pictures = make("div", { class: "o2u-samples" });
    this.accept = button("", "One undo takes all of them back", () => this.take());
    this.node = dialogOf(
      "o2u-bulk", "Accept many suggestions",
      make("span", { class: "o2u-title" }, "Accept all suggestions of the samples shown"),
      make(
        "div", { class: "o2u-row" },
        "whose label is wrong with a probability of at least", this.field, "%", this.slider,
      ),
      this.count, this.pairs, this.pictures, this.left,
      make(
        "div", { class: "o2u-row" },
        this.accept, button("Cancel", "Accept nothing ( Escape )", () => this.close()),
      ),
    );
  }

  get isOpen() {
    return this.node.open;
  }

  open() {
    if (!this.field.value) this.field.value = this.slider.value = String(BEGINNING);
    this.node.showModal();
    this.ask();
    this.field.focus();
    this.field.select();
  }

  close() {
    if (!this.isOpen) return;
    clearTimeout(this.timer);
    this.node.close();
    this.grid.takeFocus();
  }

  /** The share that is set, null while what is typed is none. */
  get share() {
    return shareOf(this.field.value);
  }

  /** @param {Event} event */
  typed({ target }) {
    const other = target === this.slider ? this.field : this.slider;
    other.value = /** @type {HTMLInputElement} */ (target).value;
    this.showNothing();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), SETTLED);
  }

  /** Ask Python what would be accepted; nothing can be, until that is here. */
  ask() {
    this.showNothing();
    if (this.share !== null) this.grid.command("above", { p: this.share });
  }

  showNothing() {
    this.found = null;
    this.accept.disabled = true;
    this.node.classList.add("o2u-waits"); // what is shown is about another number
    const isNumber = this.share !== null;
    write(this.count, isNumber ? "…" : "Type a number from 0 to 100.", "");
    write(this.accept, "Accept", "One undo takes all of them back");
  }

  /**
   * Take a preview from Python, unless another one was asked for since.
   * @param {Above} found
   * @param {DataView<ArrayBuffer>[]} buffers
   */
  learn(found, buffers) {
    if (!this.isOpen || found.p !== this.share) return;
    this.found = found;
    this.node.classList.remove("o2u-waits");
    const { count, ids, captions, pairs, more } = found;
    ids.forEach((id, k) => this.grid.pictures.put(id, PREVIEWED, buffers[k]));
    write(this.count, `${number(count)} ${count === 1 ? "label" : "labels"} would be changed.`, "");
    write(this.left, leftAlone(found), "");
    this.pairs.replaceChildren(...pairs.map(([given, suggested, times]) =>
      make(
        "li", {},
        `${number(times)} × `, make("bdi", {}, given), " → ", make("bdi", {}, suggested))));
    if (more) this.pairs.append(make("li", {}, `and ${number(more)} more pairs`));
    this.pictures.replaceChildren(...ids.map((id, k) =>
      make("img", {
        src: this.grid.pictures.get(id, PREVIEWED), alt: captions[k], title: `${captions[k]}\n${id}`,
      })));
    write(this.accept, `Accept ${number(count)}`, "One undo takes all of them back");
    this.accept.disabled = count === 0;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing || event.key !== "Enter") return;
    event.preventDefault();
    if (this.found?.count) this.accept.focus(); // a second Enter accepts: one may be a slip
  }

  take() {
    const { found } = this;
    if (!found?.count) return;
    this.close();
    this.grid.command("acceptAbove", { p: found.p, count: found.count });
  }
}
