// The line to Python: each message has a number, and Python answers each with a "done" that bears
// it. Until then the message is pending, and after half a second the kernel is said to be busy.

/** @import { Done, Model } from "./types.js" */

const BUSY_AFTER = 500; // ms
const RETRY = [2000, 60000]; // ms, first and longest: a kernel that trains answers late

/**
 * A message without its answer.
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
    if (kind === "page") this.repeat(seq, RETRY[0]);
  }

  /**
   * Ask for a page again after `wait` ms: an answer can be lost, as when the network drops.
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
   * Take an answer; those to other views are not ours.
   * @param {Done} message
   */
  receive(message) {
    const asked = this.pending.get(message.seq);
    if (message.view !== this.view || !asked) return;
    this.pending.delete(message.seq);
    this.answered(asked, message);
    this.slow(this.isSlow());
  }

  /** List the pending messages that may change the list; while there are any, our places hold. */
  commands() {
    const asking = ["page", "likely", "near"];
    return [...this.pending.values()].filter(({ kind }) => !asking.includes(kind));
  }

  /**
   * Say whether a page of the list of that number is pending.
   * @param {number} order
   */
  isAsking(order) {
    return [...this.pending.values()].some(
      ({ kind, fields }) => kind === "page" && fields.order === order);
  }

  isSlow() {
    const due = performance.now() - BUSY_AFTER;
    return [...this.pending.values()].some(({ since }) => since <= due);
  }
}
