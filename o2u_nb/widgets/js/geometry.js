// Where tiles are: rows of equal tiles, of which only those on screen exist. Input: the size of the
// tiles and of the list, and the number of tiles. Output: places, which are positions in the list,
// and pixels. All lengths are in CSS pixels. Nothing here looks at the page.

export const STEPS = [64, 96, 128, 192, 256, 384, 512]; // sizes that the user can choose
export const FETCHED = [64, 128, 256, 512, 1024]; // sizes of the pictures that Python is asked for
export const LARGE = 1024; // size of the one large picture
export const GAP = 8; // the distance between two tiles, and the margin around all of them
const WORDS = 92; // height of a tile without its picture, see grid.css
const FRAME = 12; // width of a tile's border and padding, see grid.css
const NARROWEST = 104; // least width of a tile's inside, so that its words have room
// The greatest height of an element. Browsers cut elements off that are not much higher.
export const TALLEST = 15e6;

/**
 * @typedef {object} Layout
 * @property {number} length how many tiles there are
 * @property {number} columns how many tiles are in a row
 * @property {number} across width of a tile
 * @property {number} down height of a tile
 * @property {number} margin from the left edge to the first column
 * @property {number} total height of all rows together
 */

/**
 * Keep a number within bounds.
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const between = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * Lay out `length` tiles with pictures of `side` pixels in a list that is `width` pixels wide.
 * @param {{ side: number, width: number, length: number }} given
 * @returns {Layout}
 */
export function arrange({ side, width, length }) {
  const across = Math.max(side, NARROWEST) + FRAME;
  const down = side + WORDS;
  const columns = Math.max(1, Math.floor((width - GAP) / (across + GAP)));
  const total = Math.ceil(length / columns) * (down + GAP) + GAP;
  const margin = Math.max(GAP, (width - columns * (across + GAP) + GAP) / 2);
  return { length, columns, across, down, margin, total };
}

// A list of a million tiles is higher than an element may be. The element is then TALLEST pixels
// high, and the scroll bar's position `top` stands for a larger offset in the whole list.

/**
 * Translate the position of the scroll bar into the first pixel of the whole list that is on
 * screen.
 * @param {Layout} layout
 * @param {number} top
 * @param {number} height of the list on screen
 */
export function offsetAt({ total }, top, height) {
  return total <= TALLEST ? top : (top * (total - height)) / (TALLEST - height);
}

/**
 * Translate a pixel of the whole list into the position of the scroll bar that shows it at the top,
 * or as near to the top as the ends of the list allow.
 * @param {Layout} layout
 * @param {number} offset
 * @param {number} height of the list on screen
 */
export function topAt({ total }, offset, height) {
  const scale = total <= TALLEST ? 1 : (TALLEST - height) / (total - height);
  return between(offset, 0, Math.max(total - height, 0)) * scale;
}

/**
 * Return the first pixel of the row that `place` is in.
 * @param {Layout} layout
 * @param {number} place
 */
export const rowAt = ({ columns, down }, place) => Math.floor(place / columns) * (down + GAP);

/**
 * Return the first place of the row at the top of the screen.
 * @param {Layout} layout
 * @param {number} offset
 */
export const firstAt = ({ columns, down }, offset) => Math.floor(offset / (down + GAP)) * columns;

/**
 * Return the places that are on screen as a whole or in part.
 * @param {Layout} layout
 * @param {number} offset
 * @param {number} height of the list on screen
 * @returns {[start: number, stop: number]}
 */
export function onScreen(layout, offset, height) {
  const { columns, down, length } = layout;
  const stop = Math.ceil((offset + height) / (down + GAP)) * columns;
  return [between(firstAt(layout, offset), 0, length), between(stop, 0, length)];
}

/**
 * Count the tiles that fit on screen as a whole; it is at least one row of them.
 * @param {Layout} layout
 * @param {number} height of the list on screen
 */
export const perPage = ({ columns, down }, height) =>
  Math.max(1, Math.floor(height / (down + GAP))) * columns;

/**
 * Return the offset nearest to `offset` at which the row of `place` is on screen as a whole.
 * @param {Layout} layout
 * @param {number} place
 * @param {number} offset
 * @param {number} height of the list on screen
 */
export function revealing(layout, place, offset, height) {
  const first = rowAt(layout, place);
  const last = first + layout.down + 2 * GAP;
  if (first < offset) return first;
  return last > offset + height ? last - height : offset;
}

/**
 * Return where a tile's left upper corner is in the whole list.
 * @param {Layout} layout
 * @param {number} place
 * @returns {[x: number, y: number]}
 */
export function corner(layout, place) {
  const x = layout.margin + (place % layout.columns) * (layout.across + GAP);
  return [x, GAP + rowAt(layout, place)];
}

/**
 * Return the size of picture to ask for, so that a tile shows it sharply.
 * @param {number} side of the picture on the page
 * @param {number} density how many pixels of the screen one CSS pixel has
 */
export const fetchedFor = (side, density) =>
  FETCHED.find((pixels) => pixels >= side * density) ?? LARGE;

/**
 * Return the index in `STEPS` of the largest size that is not above `side`.
 * @param {number} side
 */
export const stepOf = (side) => STEPS.findLastIndex((step) => step <= side);

/**
 * Return the size that is `by` steps larger than `side`, or else the first or last size.
 * @param {number} side
 * @param {number} by
 */
export const stepped = (side, by) => STEPS[between(stepOf(side) + by, 0, STEPS.length - 1)];
