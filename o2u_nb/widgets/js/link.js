// The connection to Python. Each message has a number, and Python answers it with a message "done"
// of the same number. Until then the message is pending, and after half a second without an answer
// the page says that the kernel is busy.

/** @import { Done, Model } from "./types.js" */

const BUSY_AFTER = 500; // ms
// In ms, the first and the longest wait until a page is asked for again. The waits grow, because a
// kernel that trains answers late without having lost the message.
const RETRY = [2000, 60000];

// Messages that only ask for something, and may be sent twice.
const ASKING = ["page", "card", "original", "compare", "near", "above"];

/**
 * A message that is not answered yet, sent at `since` (ms, as `performance.now` counts).
 * @typedef {object} Asked
 * @property {string} kind
 * @property {Record<string, any>} fields
 * @property {number} since
 */

export class Link {
  /**
   * @param {Model} model
   * @param {object} hearers
   * @param {(asked: Asked, message: Done) => void} hearers.answered
   * @param {(isSlow: boolean) => void} hearers.slow
   */
  constructor(model, { answered, slow }) {
    this.model = model;
    this.answered = answered;
    this.slow = slow;
    /** @type {Map<number, Asked>} */
    this.pending = new Map();
    this.last = 0;
    this.dead = false; // since the kernel was restarted
    this.view = Math.random().toString(36).slice(2); // several views may share the model
  }

  /**
   * Send a message.
   * @param {string} kind
   * @param {Record<string, any>} fields
   */
  send(kind, fields = {}) {
    const seq = ++this.last;
    this.pending.set(seq, { kind, fields, since: performance.now() });
    this.model.send({ kind, view: this.view, seq, ...fields });
    setTimeout(() => this.slow(this.isSlow()), BUSY_AFTER + 20);
    if (ASKING.includes(kind)) this.repeat(seq, RETRY[0]);
  }

  /**
   * Ask again after `wait` ms, since an answer can be lost, as when the network fails.
   * @param {number} seq
   * @param {number} wait
   */
  repeat(seq, wait) {
    setTimeout(() => {
      const asked = this.pending.get(seq);
      if (!asked || this.dead) return;
      this.model.send({ kind: asked.kind, view: this.view, seq, ...asked.fields });
      this.repeat(seq, Math.min(2 * wait, RETRY[1]));
    }, wait);
  }

  /**
   * Take an answer, and ignore those to other views.
   * @param {Done} message
   */
  receive(message) {
    const asked = this.pending.get(message.seq);
    if (message.view !== this.view || !asked) return;
    this.pending.delete(message.seq);
    this.answered(asked, message);
    this.slow(this.isSlow());
  }

  /** List the pending messages that may change the list; until they are answered, it stays. */
  commands() {
    return [...this.pending.values()].filter(({ kind }) => !ASKING.includes(kind));
  }

  /**
   * Return whether a page of the list with this number is pending.
   * @param {number} order
   */
  isAsking(order) {
    return [...this.pending.values()].some(
      ({ kind, fields }) => kind === "page" && fields.order === order);
  }

  /**
   * Return whether a message of this kind is pending.
   * @param {string} kind
   */
  isPending(kind) {
    return [...this.pending.values()].some((asked) => asked.kind === kind);
  }

  isSlow() {
    const due = performance.now() - BUSY_AFTER;
    return [...this.pending.values()].some(({ since }) => since <= due);
  }
}
