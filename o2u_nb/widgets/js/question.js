// The question of the relabel dialog whether a new name is a typing error. Input: the name, and the
// class that it is close to. Output: which of the two is meant.

import { button, make } from "./elements.js";

/** @import { Offer } from "./classes.js" */

export class Question {
  /**
   * @param {string} id of the element with the text
   * @param {(meant: Offer) => void} answered
   */
  constructor(id, answered) {
    this.answered = answered;
    this.text = make("p", { id });
    this.answers = make("div", { class: "o2u-answers" });
    this.node = make(
      "div", { class: "o2u-question", role: "group", "aria-labelledby": id, hidden: true },
      this.text, this.answers,
    );
    // A key that is held down must not answer the question that it has opened.
    this.node.addEventListener("keydown", (event) => event.repeat && event.preventDefault());
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /**
   * Ask; the first answer is the one that makes no new class.
   * @param {string} name
   * @param {string} near
   */
  ask(name, near) {
    this.text.replaceChildren(...quoted(name), " is not a class yet, but close to ", ...quoted(near), ".");
    const use = this.answer(["Use ", ...quoted(near)], { name: near, isNew: false });
    const makes = ["Make a new class ", ...quoted(name)];
    this.answers.replaceChildren(use, this.answer(makes, { name, isNew: true }));
    this.node.hidden = false;
    use.focus();
  }

  close() {
    this.node.hidden = true;
  }

  /**
   * @param {(Node | string)[]} words
   * @param {Offer} meant
   */
  answer(words, meant) {
    const node = button("", "", () => this.answered(meant));
    node.append(...words);
    node.title = node.textContent;
    return node;
  }
}

/**
 * Put a name into quotation marks; it may be written from right to left.
 * @param {string} name
 * @returns {(Node | string)[]}
 */
export const quoted = (name) => ["“", make("bdi", {}, name), "”"];
