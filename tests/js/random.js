// Seeded random numbers, so that a test that fails fails again.

/**
 * Return a function that draws whole numbers from 0 up to, but not including, its argument.
 * The generator is mulberry32, of public domain: 32 bits of state, good enough to pick cases.
 */
export function dice(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
