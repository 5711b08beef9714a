// The canvas of the epoch player: the points in the plane of mean and variance, the histograms of
// both groups along its sides, and the learning rate below. Everything is drawn again each time.

import { along, placed, ticks } from "./frames.js";

/** @import { Area, Frames } from "./frames.js" */

/**
 * What is drawn: the frames, which points are marked, and the histograms of both groups, `bins`
 * bars for each of two groups in each epoch, 0 to 1.
 * @typedef {object} Scene
 * @property {Frames} frames
 * @property {Uint8Array} marks
 * @property {number} bins
 * @property {Float32Array} xShares
 * @property {Float32Array} yShares
 * @property {number[]} rate of each epoch
 * @property {string[]} phases of each epoch, in words
 * @property {number[]} since the first epoch of the phase that each epoch is in
 */

/**
 * The sample that is looked at: where it is in each epoch.
 * @typedef {{ mean: (number | null)[], variance: (number | null)[] }} Path
 */

export const REST = "#56B4E9";
export const MARKED = "#D55E00"; // both are those of the other plots
const SIDE = 44; // pixels of a histogram
const RATE = 30; // pixels of the learning rate
const LEFT = 62, BOTTOM = 90 + RATE, GAP = 6;

export class Stage {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.xs = new Float32Array(0);
    this.ys = new Float32Array(0);
  }

  /** @returns {Area} */
  area() {
    const { clientWidth, clientHeight } = this.canvas;
    return {
      left: LEFT, top: SIDE + GAP, width: Math.max(40, clientWidth - LEFT - SIDE - GAP),
      height: Math.max(40, clientHeight - SIDE - GAP - BOTTOM),
    };
  }

  /**
   * Draw the scene at time `t`, in epochs from 0.
   * @param {Scene} scene
   * @param {number} t
   * @param {Path | null} path
   */
  draw(scene, t, path) {
    const { canvas, pen } = this, { clientWidth, clientHeight } = canvas;
    if (!clientWidth || !clientHeight) return;
    const density = window.devicePixelRatio || 1;
    const width = Math.round(clientWidth * density), height = Math.round(clientHeight * density);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, clientWidth, clientHeight);
    const style = getComputedStyle(canvas);
    this.text = style.color;
    pen.font = `12px ${style.fontFamily}`;
    const area = this.area();
    if (this.xs.length !== scene.frames.n) {
      this.xs = new Float32Array(scene.frames.n);
      this.ys = new Float32Array(scene.frames.n);
    }
    placed(scene.frames, t, area, this.xs, this.ys);
    this.axes(scene.frames, area);
    this.histograms(scene, t, area);
    this.points(scene.marks);
    if (path) this.path(scene, t, area, path);
    this.rate(scene.rate, t, area);
  }

  /** @param {Uint8Array} marks */
  points(marks) {
    const { pen, xs, ys } = this;
    pen.fillStyle = REST;
    pen.globalAlpha = 0.6;
    for (let i = 0; i < xs.length; i++) if (!marks[i]) pen.fillRect(xs[i] - 1.5, ys[i] - 1.5, 3, 3);
    pen.globalAlpha = 1;
    pen.strokeStyle = MARKED;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let i = 0; i < xs.length; i++) {
      if (!marks[i] || Number.isNaN(xs[i])) continue;
      pen.moveTo(xs[i] - 3, ys[i] - 3);
      pen.lineTo(xs[i] + 3, ys[i] + 3);
      pen.moveTo(xs[i] - 3, ys[i] + 3);
      pen.lineTo(xs[i] + 3, ys[i] - 3);
    }
    pen.stroke();
  }

  /**
   * @param {Frames} frames
   * @param {Area} area
   */
  axes({ xTop, yTop }, { left, top, width, height }) {
    const { pen } = this, bottom = top + height;
    pen.fillStyle = this.text ?? "";
    pen.strokeStyle = "rgba(128,128,128,0.35)";
    pen.lineWidth = 1;
    pen.beginPath();
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const value of ticks(xTop, 46 / width)) {
      const x = left + width * along(value, xTop);
      pen.moveTo(x, top);
      pen.lineTo(x, bottom);
      pen.fillText(String(value), x, bottom + 5);
    }
    pen.fillText("mean of the loss so far (nats, square-root scale)", left + width / 2, bottom + 22);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of ticks(yTop, 22 / height)) {
      const y = bottom - height * along(value, yTop);
      pen.moveTo(left, y);
      pen.lineTo(left + width, y);
      pen.fillText(String(value), left - 6, y);
    }
    pen.stroke();
    pen.save();
    pen.translate(14, top + height / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText("variance so far (nats², square-root scale)", 0, 0);
    pen.restore();
  }

  /**
   * Draw both groups along the upper and the right side: filled bars, and a line.
   * @param {Scene} scene
   * @param {number} t
   * @param {Area} area
   */
  histograms({ bins, xShares, yShares }, t, { left, top, width, height }) {
    const { pen } = this, epoch = Math.round(t), bottom = top + height;
    for (const group of [0, 1]) {
      const first = (2 * epoch + group) * bins;
      pen.fillStyle = pen.strokeStyle = group ? MARKED : REST;
      pen.lineWidth = 2;
      pen.globalAlpha = group ? 1 : 0.6;
      pen.beginPath();
      for (let k = 0; k < bins; k++) {
        const high = SIDE * xShares[first + k], wide = SIDE * yShares[first + k];
        const x = left + k * width / bins, y = bottom - (k + 1) * height / bins;
        if (group) {
          if (high) pen.rect(x, top - GAP - high, width / bins, 0.5);
          if (wide) pen.rect(left + width + GAP + wide, y, 0.5, height / bins);
        } else {
          pen.fillRect(x, top - GAP - high, width / bins - 0.5, high);
          pen.fillRect(left + width + GAP, y, wide, height / bins - 0.5);
        }
      }
      if (group) pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  /**
   * Draw the way of the sample that is looked at since the phase began, and a ring where it is.
   * @param {Scene} scene
   * @param {number} t
   * @param {Area} area
   * @param {Path} path
   */
  path({ frames: { epochs, xTop, yTop }, since }, t, area, { mean, variance }) {
    const first = since[Math.floor(t)];
    const known = [...mean.keys()].filter((k) => mean[k] !== null && first <= k && k <= t);
    if (!known.length) return;
    const n = 1, one = { x: new Float32Array(1), y: new Float32Array(1) };
    const frames = {
      n, epochs, xTop, yTop, mean: Float32Array.from(mean, (x) => x ?? NaN),
      variance: Float32Array.from(variance, (x) => x ?? NaN),
    };
    const { pen } = this;
    pen.strokeStyle = this.text ?? "";
    pen.lineWidth = 1;
    pen.setLineDash([4, 3]);
    pen.beginPath();
    for (const time of [...known, t]) {
      placed(frames, time, area, one.x, one.y);
      if (!Number.isNaN(one.x[0])) pen.lineTo(one.x[0], one.y[0]);
    }
    pen.stroke();
    pen.setLineDash([]);
    pen.lineWidth = 2.5;
    pen.beginPath();
    pen.arc(one.x[0], one.y[0], 8, 0, 2 * Math.PI);
    pen.stroke();
  }

  /**
   * Draw the rate of each epoch, and where the time is.
   * @param {number[]} rate
   * @param {number} t
   * @param {Area} area
   */
  rate(rate, t, { left, top, width, height }) {
    const { pen } = this, highest = Math.max(...rate, 1e-12), step = width / rate.length;
    const bottom = top + height + BOTTOM - 34, x = left + (t + 0.5) * step;
    pen.fillStyle = this.text ?? "";
    pen.strokeStyle = "#767676";
    pen.lineWidth = 1.5;
    pen.beginPath();
    rate.forEach((value, epoch) => {
      const y = bottom - RATE * value / highest;
      pen.lineTo(left + epoch * step, y);
      pen.lineTo(left + (epoch + 1) * step, y);
    });
    pen.stroke();
    pen.fillRect(x - 1.5, bottom - RATE - 4, 3, RATE + 8);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText(highest.toPrecision(2), left - 6, bottom - RATE);
    pen.fillText("0", left - 6, bottom);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    const every = Math.ceil(rate.length / Math.max(1, Math.floor(width / 34)));
    for (let epoch = 0; epoch < rate.length; epoch += every) {
      pen.fillText(String(epoch + 1), left + (epoch + 0.5) * step, bottom + 5);
    }
    pen.textAlign = "left";
    pen.fillText("learning rate by epoch", left, bottom + 19);
  }
}
