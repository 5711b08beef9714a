// Questions to the kernel, never more than one on its way. While a kernel is busy, only the latest
// question waits, so that a pointer that crosses a thousand points asks about the last one.

const GIVEN_UP = 10_000; // ms after which an answer does not come any more, as from a dead kernel

/** @template Question */
export class Asking {
  /**
   * @param {(question: Question) => void} send
   * @param {() => number} now ms
   */
  constructor(send, now = () => performance.now()) {
    this.send = send;
    this.now = now;
    /** @type {Question | null} */
    this.asked = null; // on its way
    this.since = 0;
    /** @type {Question | null} */
    this.waiting = null;
  }

  /**
   * Ask now, or as soon as the present question is answered; a question that waits is dropped.
   * @param {Question} question
   */
  ask(question) {
    if (this.asked !== null && this.now() - this.since < GIVEN_UP) this.waiting = question;
    else this.put(question);
  }

  /** Take back the question that waits, if any. */
  drop() {
    this.waiting = null;
  }

  /**
   * Return the question that an answer which has come belongs to, and ask the one that waits.
   * @returns {Question | null}
   */
  answered() {
    const { asked, waiting } = this;
    this.asked = this.waiting = null;
    if (waiting !== null) this.put(waiting);
    return asked;
  }

  /** @param {Question} question */
  put(question) {
    this.asked = question;
    this.since = this.now();
    this.waiting = null;
    this.send(question);
  }
}
