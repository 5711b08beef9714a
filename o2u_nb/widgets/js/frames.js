// The frames of the epoch player: where each point is at a time between two epochs, and which point
// is under the pointer. Nothing here draws.

/**
 * What Python sends once. Each array holds `n` numbers for each epoch; NaN = not seen so far.
 * @typedef {object} Frames
 * @property {number} n
 * @property {number} epochs
 * @property {Float32Array} mean nats
 * @property {Float32Array} variance nats squared
 * @property {[number, number]} xRange
 * @property {[number, number]} yRange
 */

/**
 * Where the points are drawn, in pixels of the page.
 * @typedef {{ left: number, top: number, width: number, height: number }} Area
 */

/**
 * Write the place of each point at time `t` into `xs` and `ys`, in pixels. Points beyond the axes
 * stand at their ends; the place of a point that was not seen is NaN.
 * @param {Frames} frames
 * @param {number} t in epochs from 0; between two epochs, points are on a straight way
 * @param {Area} area
 * @param {Float32Array} xs
 * @param {Float32Array} ys
 */
export function placed({ n, epochs, mean, variance, xRange, yRange }, t, area, xs, ys) {
  const epoch = Math.min(Math.floor(t), epochs - 1), next = Math.min(epoch + 1, epochs - 1);
  const part = t - epoch, here = epoch * n, there = next * n;
  const xScale = area.width / (xRange[1] - xRange[0]);
  const yScale = area.height / (yRange[1] - yRange[0]);
  const bottom = area.top + area.height;
  for (let i = 0; i < n; i++) {
    const x = mean[here + i] + part * (mean[there + i] - mean[here + i]);
    const y = variance[here + i] + part * (variance[there + i] - variance[here + i]);
    xs[i] = area.left + Math.min(Math.max((x - xRange[0]) * xScale, 0), area.width);
    ys[i] = bottom - Math.min(Math.max((y - yRange[0]) * yScale, 0), area.height);
  }
}

/**
 * Return the point nearest to a place, or -1 where none is within `reach` pixels. Ten thousand
 * distances take a tenth of a millisecond, less than keeping an index of points that move.
 * @param {Float32Array} xs
 * @param {Float32Array} ys
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 */
export function nearest(xs, ys, x, y, reach) {
  let found = -1, least = reach * reach;
  for (let i = 0; i < xs.length; i++) {
    const distance = (xs[i] - x) ** 2 + (ys[i] - y) ** 2; // NaN is never less
    if (distance <= least) {
      least = distance;
      found = i;
    }
  }
  return found;
}

/**
 * Return some five round numbers between the ends of an axis.
 * @param {[number, number]} range
 */
export function ticks([low, high]) {
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  /** @type {number[]} */
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high * (1 + 1e-9); k++) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}
