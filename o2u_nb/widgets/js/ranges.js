// Sets of places, written as ranges: a selection of a million tiles is one pair of numbers. A place
// is a position in the list on screen. All functions return new ranges and change none.

/**
 * The places from `start` up to, but not including, `stop`.
 * @typedef {[start: number, stop: number]} Range
 */

/**
 * Return whether `place` is in one of the ranges.
 * @param {Range[]} ranges
 * @param {number} place
 */
export const has = (ranges, place) =>
  ranges.some(([start, stop]) => start <= place && place < stop);

/**
 * Count the places in ranges that do not overlap.
 * @param {Range[]} ranges
 */
export const size = (ranges) => ranges.reduce((sum, [start, stop]) => sum + stop - start, 0);

/**
 * Return all places from `a` to `b`, both included, in either direction.
 * @param {number} a
 * @param {number} b
 * @returns {Range[]}
 */
export const span = (a, b) => [[Math.min(a, b), Math.max(a, b) + 1]];

/**
 * Remove `place` if it is in the ranges, and add it if it is not. The ranges must be ascending and
 * must not touch each other; the same is true of the result.
 * @param {Range[]} ranges
 * @param {number} place
 */
export function toggled(ranges, place) {
  if (!has(ranges, place)) return merged([...ranges, [place, place + 1]]);
  /** @type {(range: Range) => Range[]} */
  const halves = ([start, stop]) =>
    start <= place && place < stop ? [[start, place], [place + 1, stop]] : [[start, stop]];
  return ranges.flatMap(halves).filter(([start, stop]) => start < stop);
}

/**
 * Sort ranges, and join those that overlap or touch.
 * @param {Range[]} ranges
 */
export function merged(ranges) {
  /** @type {Range[]} */
  const joined = [];
  for (const [start, stop] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = joined[joined.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], stop);
    else joined.push([start, stop]);
  }
  return joined;
}

/**
 * Return what is selected after `place` was added to the selection or removed from it. If nothing
 * is selected, the current place counts as selected.
 * @param {Range[]} chosen
 * @param {number | null} current
 * @param {number} place
 */
export function picked(chosen, current, place) {
  if (chosen.length || current === null) return toggled(chosen, place);
  return current === place ? span(place, place) : toggled(span(current, current), place);
}
