// The line above the list while similar samples are shown: what they are similar to, how many have the
// same label and how many others, each to be shown alone, and a button that brings the earlier list
// back.

import { button, make, write } from "./elements.js";
import { number } from "./text.js";

/** @import { Grid } from "./grid.js" */
/** @import { Range } from "./ranges.js" */
/** @import { Alike } from "./types.js" */

const SHOWN = 48; // pixels of the pictures of what is searched for
/** @type {Alike["labels"][]} */
const LABELS = ["all", "same", "other"];

/**
 * Say how many similar samples there are of each kind.
 * @param {Pick<Alike, "count" | "same">} alike
 */
export const countsOf = ({ count, same }) => ({
  all: `all ${number(count)}`,
  same: `same label ${number(same)}`,
  other: `other labels ${number(count - same)}`,
});

export class AlikeBar {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.drawn = "";
    this.pictures = make("span", { class: "o2u-of" });
    this.title = make("bdi");
    this.by = make("span", { class: "o2u-more" });
    this.choices = Object.fromEntries(
      LABELS.map((labels) => [labels, button("", "", () => this.choose(labels), "o2u-chip")]));
    this.back = button(
      "✕ Back", "Show what was shown before ( Escape )", () => this.stop(), "o2u-chip");
    this.node = make(
      "div", { class: "o2u-alike", role: "group", "aria-label": "Similar samples", hidden: true },
      this.pictures, make("b", {}, this.title), ...Object.values(this.choices), this.back, this.by,
    );
  }

  /** Whether similar samples are listed. */
  get isOn() {
    return this.grid.settings.alike_filter !== null;
  }

  /**
   * List what is like some samples, by default like the selected ones or the current one.
   * @param {Range[]} ranges
   */
  ask(ranges = this.grid.targets().ranges) {
    if (!ranges.length) this.grid.say("Nothing is selected.", true);
    else this.grid.command("like", { order: this.grid.order, ranges });
  }

  stop() {
    this.grid.command("unlike");
    this.grid.takeFocus();
  }

  /** @param {Alike["labels"]} labels */
  choose(labels) {
    this.grid.command("likeLabels", { labels });
    this.grid.takeFocus();
  }

  show() {
    const alike = this.grid.settings.alike_filter;
    const drawn = JSON.stringify(alike);
    if (alike) this.showPictures(alike);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    if (alike) this.write(alike);
    if (this.node.hidden !== !alike) {
      this.node.hidden = !alike;
      this.grid.room.fit();
    }
  }

  /** @param {Alike} alike */
  write(alike) {
    write(this.title, alike.title);
    write(this.by, `compared by ${alike.by}; ${alike.how}`);
    const words = countsOf(alike);
    for (const labels of LABELS) {
      const node = this.choices[labels];
      node.hidden = !alike.knows_labels;
      write(node, words[labels], `Show ${words[labels]} of the similar samples`);
      node.setAttribute("aria-pressed", String(alike.labels === labels));
    }
  }

  /**
   * Show the pictures of what is searched for, as far as they are here.
   * @param {Alike} alike
   */
  showPictures({ of }) {
    const urls = of.map((id) => this.grid.pictures.nearest(id, SHOWN)).filter(Boolean);
    const drawn = urls.join();
    if (this.pictures.dataset.drawn === drawn) return;
    this.pictures.dataset.drawn = drawn;
    this.pictures.replaceChildren(...urls.map((url) => make("img", { src: url, alt: "" })));
  }
}
