// The likeliest classes besides the given one, each with the digit that changes the label to it. A
// digit acts only while it is shown what it means.

import { button, make } from "./elements.js";
import { percent } from "./text.js";

/** @import { Grid } from "./grid.js" */
/** @import { LikelyClass } from "./types.js" */

export class Likely {
  /** @param {Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {LikelyClass[]} */
    this.classes = [];
    this.node = make("div", {
      class: "o2u-likely", role: "group", "aria-label": "Change to one of the likeliest classes",
    });
  }

  /** @param {LikelyClass[] | undefined} classes nothing while they are on their way */
  show(classes = []) {
    if (classes === this.classes || (!classes.length && !this.classes.length)) return;
    this.classes = classes;
    this.node.replaceChildren(...classes.map((likely, k) => this.offer(likely, k + 1)));
  }

  /**
   * @param {LikelyClass} likely
   * @param {number} digit
   */
  offer([name, share], digit) {
    const title = `Change to ${name} ( ${digit} )`;
    const node = button("", title, () => this.take(digit), "o2u-offer");
    node.append(make("kbd", {}, String(digit)), make("bdi", {}, name));
    if (share !== null) node.append(make("small", {}, percent(share)));
    return node;
  }

  /**
   * Change the label of what is meant to the class with this digit.
   * @param {number} digit
   */
  take(digit) {
    const found = this.classes[digit - 1], shown = this.node.children[digit - 1];
    if (found && shown.checkVisibility()) this.grid.decide("relabel", found[0]);
    else if (this.classes.length) this.grid.say(`No class has the digit ${digit} here.`, true);
    else this.grid.say("Wait until the likeliest classes are shown.", true);
  }
}
