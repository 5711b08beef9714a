// Which classes are offered for what was typed. Input: the text, the classes that the network took
// the sample for, and all classes. Output: names, in the order in which they are offered, and the
// name of the class that could be made.

/**
 * List the classes whose name contains what was typed: those that begin with it first, then the
 * likely ones, likeliest first, then the others in their own order.
 * @param {string} typed
 * @param {string[]} likely
 * @param {string[]} classes
 */
export function offered(typed, likely, classes) {
  const text = typed.trim().toLocaleLowerCase(), known = new Set(likely);
  const all = [...likely, ...classes.filter((name) => !known.has(name))];
  const found = all.filter((name) => name.toLocaleLowerCase().includes(text));
  /** @type {(name: string) => number} */
  const begins = (name) => Number(name.toLocaleLowerCase().startsWith(text));
  return found.sort((a, b) => begins(b) - begins(a));
}

/**
 * List the classes to filter by. The class that is filtered by stays in the list even if it has
 * lost its last sample; without it the filter would seem to be cleared.
 * @param {string[]} classes
 * @param {string | null} filtered
 */
export const filterable = (classes, filtered) =>
  filtered === null || classes.includes(filtered) ? classes : [...classes, filtered];

/** @typedef {{ name: string, isNew: boolean }} Offer `isNew` tells that it is no class yet */

/**
 * List what the relabel dialog offers: at most `most` of the classes that match and, as the last
 * one, the typed text without the spaces around it, if that is no class yet. `left` is the number
 * of further classes that match.
 * @param {string} typed
 * @param {string[]} likely
 * @param {string[]} classes
 * @param {number} most
 * @returns {{ offers: Offer[], left: number }}
 */
export function offersFor(typed, likely, classes, most) {
  const found = offered(typed, likely, classes), name = typed.trim();
  const offers = found.slice(0, most).map((known) => ({ name: known, isNew: false }));
  if (name !== "" && !found.includes(name)) offers.push({ name, isNew: true });
  return { offers, left: Math.max(found.length - most, 0) };
}
