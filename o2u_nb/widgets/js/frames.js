// The frames of the epoch player: where each point is at a time between two epochs, and which point
// is under the pointer. Nothing here draws.

/**
 * What Python sends once. Each array holds `n` numbers for each epoch; NaN = not seen so far.
 * @typedef {object} Frames
 * @property {number} n
 * @property {number} epochs
 * @property {Float32Array} mean nats
 * @property {Float32Array} variance nats squared
 * @property {number} xTop where the axis of the mean ends
 * @property {number} yTop where the axis of the variance ends
 */

/**
 * Where the points are drawn, in pixels of the page.
 * @typedef {{ left: number, top: number, width: number, height: number }} Area
 */

/**
 * Return where a value is on an axis from 0 to `top`, as a share of its length. The share grows as
 * the root: most samples are near 0, and their losses in the warm-up are far from it.
 * @param {number} value not negative
 * @param {number} top
 */
export const along = (value, top) => Math.sqrt(Math.min(value / top, 1));

/**
 * Write the place of each point at time `t` into `xs` and `ys`, in pixels. Points beyond the axes
 * stand at their ends; the place of a point that was not seen is NaN.
 * @param {Frames} frames
 * @param {number} t in epochs from 0; between two epochs, points are on a straight way
 * @param {Area} area
 * @param {Float32Array} xs
 * @param {Float32Array} ys
 */
export function placed({ n, epochs, mean, variance, xTop, yTop }, t, area, xs, ys) {
  const epoch = Math.min(Math.floor(t), epochs - 1), next = Math.min(epoch + 1, epochs - 1);
  const part = t - epoch, here = epoch * n, there = next * n;
  const bottom = area.top + area.height;
  for (let i = 0; i < n; i++) {
    const x = mean[here + i] + part * (mean[there + i] - mean[here + i]);
    const y = variance[here + i] + part * (variance[there + i] - variance[here + i]);
    xs[i] = area.left + area.width * along(x, xTop);
    ys[i] = bottom - area.height * along(y, yTop);
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
 * Return round numbers on an axis from 0 to `top`, whose places are at least `gap` apart.
 * @param {number} top
 * @param {number} gap as a share of the length of the axis
 */
export function ticks(top, gap) {
  /** @type {number[]} */
  const found = [];
  const highest = Math.floor(Math.log10(top));
  for (let power = highest; power > highest - 4; power--) {
    for (const factor of [5, 2, 1]) {
      const value = Number(`${factor}e${power}`), above = found.at(-1);
      const room = above === undefined ? Infinity : along(above, top) - along(value, top);
      if (value <= top && room >= gap && along(value, top) >= gap) found.push(value);
    }
  }
  return [0, ...found.reverse()];
}
