// Pictures in a small tile beside the pointer. Input: a question that Python answers with pictures
// and a line of plain text below each. Output: the tile, which takes no click and no focus.

import { Asking } from "./asking.js";
import { make } from "./elements.js";

/**
 * The widget's model, as anywidget hands it over.
 * @typedef {object} PreviewModel
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (message: any, buffers: any[]) => void) => void} on
 * @property {(event: string, handler: (message: any, buffers: any[]) => void) => void} off
 */

/**
 * What is asked: the `pictures` of a point of a plot, or what is at the border while it is `moving`.
 * @typedef {{ kind: "pictures", trace: number, point: number | number[] } |
 *   { kind: "moving", x: number }} Question
 */

/** @typedef {Pick<DOMRect, "left" | "right" | "top" | "bottom">} Place */
/** @typedef {{ title: string, lines: string[], pictures: Blob[] }} Content */

const KEPT = 60; // answers; a tile has at most six pictures of some 5 kB
const MARGIN = 12; // pixels between the tile and what it belongs to
const LABEL = 56; // pixels: the height of plotly's label of a point

/** Shows contents beside a place, one at a time. */
class PreviewTile {
  constructor() {
    this.node = make("div", { class: "o2u-preview", "aria-hidden": "true" });
    /** @type {string[]} */
    this.urls = [];
  }

  /**
   * Show `content`, below `place` or, where there is no room, above it.
   * @param {Content} content
   * @param {Place} place
   */
  show({ title, lines, pictures }, place) {
    this.release();
    this.urls = pictures.map((picture) => URL.createObjectURL(picture));
    const figures = lines.map((line, i) => make(
      "figure", {}, ...(this.urls[i] ? [make("img", { src: this.urls[i], alt: "" })] : []),
      make("figcaption", {}, line),
    ));
    this.node.replaceChildren(
      ...(title ? [make("p", {}, title)] : []), make("div", {}, ...figures),
    );
    (document.fullscreenElement ?? document.body).append(this.node);
    this.put(place);
  }

  /** @param {Place} place */
  put({ left, right, top, bottom }) {
    const { offsetWidth: width, offsetHeight: height, style } = this.node;
    const middle = (left + right - width) / 2, room = window.innerHeight - bottom - MARGIN;
    const above = top - MARGIN - height;
    const x = Math.max(4, Math.min(middle, window.innerWidth - width - 4));
    style.left = `${x}px`;
    style.top = `${height <= room || above < 0 ? bottom + MARGIN : above}px`;
  }

  hide() {
    this.node.remove();
    this.release();
  }

  release() {
    for (const url of this.urls.splice(0)) URL.revokeObjectURL(url);
  }
}

/** Asks Python for pictures, and shows the latest answer that is still wanted. */
export class Previews {
  /** @param {PreviewModel} model */
  constructor(model) {
    this.model = model;
    this.view = Math.random().toString(36).slice(2); // a widget may be shown in several places
    this.tile = new PreviewTile();
    /** @type {Map<string, Content>} */
    this.kept = new Map();
    /** @type {{ question: Question, place: Place } | null} */
    this.wanted = null;
    /** @type {Asking<Question>} */
    this.asking = new Asking((question) => model.send({ ...question, view: this.view }));
    /** @param {any} message @param {any[]} buffers */
    this.hear = (message, buffers) => {
      if (message.kind === "preview" && message.view === this.view) this.take(message, buffers);
    };
    /** @param {Content} _ */
    this.shown = (_) => {};
    model.on("msg:custom", this.hear);
  }

  /**
   * Show the answer to `question` beside `place`, as soon as it is here.
   * @param {Question} question
   * @param {Place} place
   */
  show(question, place) {
    this.wanted = { question, place };
    const known = this.kept.get(JSON.stringify(question));
    if (known) this.draw(known, place);
    else this.asking.ask(question);
  }

  hide() {
    this.wanted = null;
    this.asking.drop();
    this.tile.hide();
  }

  /** Hide the tile, and forget all answers, since points have changed their meaning. */
  forget() {
    this.hide();
    this.kept.clear();
  }

  close() {
    this.forget();
    this.model.off("msg:custom", this.hear);
  }

  /**
   * @param {{ title: string, lines: string[] }} message
   * @param {any[]} buffers
   */
  take({ title, lines }, buffers) {
    const question = this.asking.answered();
    const pictures = buffers.map((bytes) => new Blob([bytes], { type: "image/jpeg" }));
    const content = { title, lines, pictures };
    if (!question || !this.wanted) return;
    const key = JSON.stringify(question);
    // On the way of a line that is dragged, an answer of a moment ago is better than none.
    const isWanted = question.kind === "moving" || key === JSON.stringify(this.wanted.question);
    if (question.kind === "pictures" && isWanted) this.keep(key, content);
    if (isWanted) this.draw(content, this.wanted.place);
  }

  /**
   * @param {Content} content
   * @param {Place} place
   */
  draw(content, place) {
    if (content.title || content.lines.length) this.tile.show(content, place);
    else this.tile.hide();
    this.shown(content);
  }

  /**
   * @param {string} key
   * @param {Content} content
   */
  keep(key, content) {
    if (this.kept.size >= KEPT) this.kept.delete([...this.kept.keys()][0]);
    this.kept.set(key, content);
  }
}

/**
 * Return the place of a pointer, and of plotly's label beside it, which has three lines.
 * @param {MouseEvent} event
 * @returns {Place}
 */
export const under = ({ clientX: x, clientY: y }) =>
  ({ left: x, right: x, top: y - LABEL / 2, bottom: y + LABEL / 2 });
