// The rows that the grid holds of the list on screen, by place: which are lacking, and where the
// next undecided sample is.

/** @import { HeldRow, Page } from "./types.js" */
/** @typedef {Map<number, HeldRow>} Rows */

/**
 * Return the rows of a page with their places and their revision.
 * @param {Page} page
 * @returns {[place: number, row: HeldRow][]}
 */
export const numbered = ({ start, rows, revision }) =>
  rows.map((row, k) => [start + k, { ...row, revision }]);

/**
 * Return what to ask Python for, of the places from `start` to `stop`. It is the shortest range
 * with every place that has no picture or no row of this revision (null: of any), and a list of the
 * places without a picture. It is null if nothing is lacking.
 * @param {Rows} rows
 * @param {object} wanted
 * @param {number} wanted.start
 * @param {number} wanted.stop
 * @param {number | null} wanted.revision
 * @param {(sampleId: string) => boolean} wanted.hasPicture
 */
export function lacking(rows, { start, stop, revision, hasPicture }) {
  const places = [], pictures = [];
  for (let place = start; place < stop; place++) {
    const row = rows.get(place), isPictured = Boolean(row && hasPicture(row.sample_id));
    const isCurrent = row && (revision === null || row.revision === revision);
    if (!isCurrent || !isPictured) places.push(place);
    if (!isPictured) pictures.push(place);
  }
  if (!places.length) return null;
  return { start: places[0], stop: places[places.length - 1] + 1, pictures };
}

/**
 * Return the first place after `last` that may be undecided, as far as the grid knows; if there is
 * none before the end of the list, return `last`.
 * @param {Rows} rows
 * @param {number} last
 * @param {number} length of the list
 * @param {(place: number) => boolean} isSaving
 */
export function undecidedAfter(rows, last, length, isSaving) {
  for (let place = last + 1; place < length; place++) {
    const row = rows.get(place);
    if (!row || (!row.decision && !isSaving(place))) return place;
  }
  return last;
}
