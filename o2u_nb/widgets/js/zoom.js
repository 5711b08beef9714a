// Zoom: a picture that is enlarged and moved within its frame, by wheel, mouse and keys. The pure
// part says where the picture is; the class moves it on the page.

import { between } from "./geometry.js";
import { make, write } from "./elements.js";

/**
 * How a picture is shown: `scale` times as large as it fits, and moved by `x` and `y` CSS pixels.
 * @typedef {{ scale: number, x: number, y: number }} Place
 */

/** @type {Place} */
export const FITTED = { scale: 1, x: 0, y: 0 };
const MOST = 32; // times as large as it fits
const STEP = 1.5; // of a key
const CLOSE = 3; // of a double click, and of the key that zooms
const NUDGE = 0.15; // of the frame's width or height, for an arrow key
const WHEEL = 0.002; // of the scale's logarithm for a pixel of the wheel
const SQUARE = 4; // CSS pixels of one pixel of the picture, from which on it is drawn as a square

/**
 * Return where a picture is after it was enlarged `factor` times about the point `at`, which stays
 * where it is. Points are measured from the middle of the frame, `size` is the frame's.
 * @param {Place} place
 * @param {number} factor
 * @param {[x: number, y: number]} at
 * @param {[width: number, height: number]} size
 * @returns {Place}
 */
export function zoomed({ scale, x, y }, factor, [atX, atY], size) {
  const next = between(scale * factor, 1, MOST), ratio = next / scale;
  return inside({ scale: next, x: atX - (atX - x) * ratio, y: atY - (atY - y) * ratio }, size);
}

/**
 * Keep a picture over its frame: where it is larger, no edge of it comes into the frame.
 * @param {Place} place
 * @param {[width: number, height: number]} size
 * @returns {Place}
 */
export function inside({ scale, x, y }, [width, height]) {
  const across = ((scale - 1) * width) / 2, down = ((scale - 1) * height) / 2;
  return { scale, x: between(x, 0 - across, across), y: between(y, 0 - down, down) };
}

export class Zoom {
  /**
   * @param {HTMLImageElement} image
   * @param {object} hearers
   * @param {() => boolean} hearers.takesWheel whether the wheel zooms, rather than scrolls the page
   * @param {() => void} hearers.enlarged
   */
  constructor(image, { takesWheel, enlarged }) {
    this.image = image;
    this.takesWheel = takesWheel;
    this.enlarged = enlarged;
    this.place = FITTED;
    this.level = make("button", {
      type: "button", class: "o2u-button o2u-level", onclick: () => this.toggle(),
    });
    this.frame = make("div", {
      class: "o2u-picture", onpointerdown: (event) => this.drag(event),
      ondblclick: (event) => this.clicked(event),
    }, image, this.level);
    this.frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.show();
  }

  get isZoomed() {
    return this.place.scale > 1;
  }

  /** @returns {[width: number, height: number]} */
  get size() {
    return [this.frame.clientWidth, this.frame.clientHeight];
  }

  fit() {
    this.moveTo(FITTED);
  }

  toggle() {
    if (this.isZoomed) this.fit();
    else this.by(CLOSE);
  }

  /** @param {1 | -1} direction */
  step(direction) {
    this.by(direction > 0 ? STEP : 1 / STEP);
  }

  /**
   * @param {number} factor
   * @param {[x: number, y: number]} at
   */
  by(factor, at = [0, 0]) {
    this.moveTo(zoomed(this.place, factor, at, this.size));
  }

  /**
   * Show more of what lies in a direction.
   * @param {number} right
   * @param {number} down
   */
  nudge(right, down) {
    const [width, height] = this.size, { scale, x, y } = this.place;
    const moved = { scale, x: x - right * NUDGE * width, y: y - down * NUDGE * height };
    this.moveTo(inside(moved, this.size));
  }

  /** @param {Place} place */
  moveTo(place) {
    this.place = place;
    this.show();
    if (this.isZoomed) this.enlarged();
  }

  show() {
    const { scale, x, y } = this.place, { image } = this;
    image.style.transform = this.isZoomed ? `translate(${x}px, ${y}px) scale(${scale})` : "";
    this.frame.classList.toggle("o2u-zoomed", this.isZoomed);
    const drawn = Math.min(
      this.size[0] / (image.naturalWidth || 1), this.size[1] / (image.naturalHeight || 1));
    image.classList.toggle("o2u-squares", drawn * scale >= SQUARE && this.isZoomed);
    const text = this.isZoomed ? `${scale.toFixed(1)} × · fit` : "zoom";
    write(this.level, text, this.isZoomed ? "Show all of it ( 0 )" : "Zoom ( z ), or the wheel");
  }

  /**
   * @param {MouseEvent} event
   * @returns {[x: number, y: number]}
   */
  at(event) {
    const { left, top, width, height } = this.frame.getBoundingClientRect();
    return [event.clientX - left - width / 2, event.clientY - top - height / 2];
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (!this.isZoomed && !event.ctrlKey && !this.takesWheel()) return;
    event.preventDefault();
    event.stopPropagation();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1);
    this.by(Math.exp(-pixels * WHEEL), this.at(event));
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    if (event.target === this.level) return;
    event.stopPropagation();
    if (this.isZoomed) this.fit();
    else this.by(CLOSE, this.at(event));
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (!this.isZoomed || event.button !== 0 || event.target === this.level) return;
    const { frame, place } = this, stop = new AbortController(), { signal } = stop;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    frame.addEventListener("pointermove", ({ clientX, clientY }) => {
      const x = place.x + clientX - event.clientX, y = place.y + clientY - event.clientY;
      this.moveTo(inside({ ...this.place, x, y }, this.size));
    }, { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, () => stop.abort(), { signal });
    }
  }
}
