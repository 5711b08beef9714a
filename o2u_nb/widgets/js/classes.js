// Which classes are offered for what was typed. Comes in: the text, the classes that the network
// took the sample for, and all classes. Goes out: names, in the order in which they are offered.

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
