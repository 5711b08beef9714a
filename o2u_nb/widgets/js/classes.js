// Which classes are offered for what was typed. Comes in: the text, the classes that the network
// took the sample for, and all classes. Goes out: names, in the order in which they are offered, and
// the name of the class that could be made.

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
 * List the classes to filter by. The one that is filtered by is among them also when its last sample
 * was taken from it, since the filter must not seem to be lifted.
 * @param {string[]} classes
 * @param {string | null} filtered
 */
export const filterable = (classes, filtered) =>
  filtered === null || classes.includes(filtered) ? classes : [...classes, filtered];

/** @typedef {{ name: string, isNew: boolean }} Offer `isNew`: it is no class yet */

/**
 * List what the relabel dialog offers: at most `most` of the classes that fit, and at the very end
 * what was typed, without space around it, if that is no class yet. `left` is how many classes fit
 * besides.
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
