// Numbers as people read them. Input: a number from Python. Output: text for the page.

/**
 * Write a share in [0, 1] as a percentage: without decimals from 10 % on, with one below 10 % and
 * above 99 %. `percent` in o2u_nb/text.py returns the same text, and a test compares the two. For a
 * share that is not known the text is empty.
 * @param {number | null} share
 */
export function percent(share) {
  if (share === null) return "";
  if (share > 0.99 && share < 1) return `${fixed(Math.min(100 * share, 99.9), 1)} %`;
  return `${fixed(100 * share, share >= 0.0995 || share === 0 ? 0 : 1)} %`;
}

/**
 * Write a probability in [0, 1] as a percentage in which certainties are told apart: above 99 % with
 * as many decimals as show the first digit that is not a nine. `likely` in o2u_nb/text.py returns
 * the same text, and a test compares the two. For one that is not known the text is empty.
 * @param {number | null} p
 */
export function certainty(p) {
  if (p === null) return "";
  if (p > 0 && p < 0.001) return "under 0.1 %";
  if (p <= 0.99 || p === 1) return percent(p);
  if (p > 0.99999) return "over 99.999 %";
  const decimals = Math.floor(-Math.log10(1 - p) + 1e-9) - 1;
  return `${(Math.floor(100 * p * 10 ** decimals + 1e-9) / 10 ** decimals).toFixed(decimals)} %`;
}

/**
 * Round as Python does. A number exactly half-way between two texts is written by Python as the
 * text that ends in an even digit, and by `toFixed` as the larger one. So a number that must be
 * rounded down is made a little smaller first.
 * @param {number} value not negative
 * @param {0 | 1} digits
 */
function fixed(value, digits) {
  const mustGoDown = digits === 0 ? value % 2 === 0.5 : value % 1 === 0.25;
  return (mustGoDown ? value - 0.01 : value).toFixed(digits);
}

/**
 * Write a whole number with commas between the thousands.
 * @param {number} value
 */
export const number = (value) => value.toLocaleString("en");
