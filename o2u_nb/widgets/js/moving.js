// While a plot of very many points is dragged or an area is drawn on it, draw only some of them.
//
// In each frame of a movement plotly draws all points of a WebGL plot anew, which takes half a
// second for 100,000 of them without a graphics card. So it draws some while the pointer is pressed,
// and all when it is let go. plotly has no setting for that: here the function is replaced that
// draws the points of a subplot, as plotly.js 4 has it. Where it is not as expected, nothing is done.

/**
 * What draws points by WebGL: `draw` takes an array with the points of each trace.
 * @typedef {object} Points
 * @property {(points: number[][]) => void} draw
 */

/**
 * What plotly keeps of the WebGL points of a subplot. The batches say which points of each trace are
 * selected and which are not; both are empty in a trace where nothing is selected.
 * @typedef {object} Scene
 * @property {() => void} draw
 * @property {({ positions: ArrayLike<number> } | undefined)[]} markerOptions
 * @property {number[][]} selectBatch
 * @property {number[][]} unselectBatch
 * @property {Points} scatter2d
 * @property {Points | false} select2d
 */

/**
 * @typedef {HTMLElement & { _fullLayout?: {
 *   _plots: Record<string, { _scene?: Scene }>,
 *   _glcanvas: { each: (each: (layer: { regl?: { clear: (what: object) => void } }) => void) => void },
 * } }} Graph
 */

export const MOST = 10_000; // points drawn while something moves, besides those of small traces
export const SMALL = 1_000; // of points in a trace: so few are all drawn
const SETTLED = 500; // ms in which plotly draws all points when the pointer is let go

/**
 * Return which of `count` points of a trace are drawn when about `share` of all are, 0 to 1: all of
 * a small trace, else the first ones, as in lists that begin with suspects, and as many of the
 * others at even distances.
 * @param {number} count
 * @param {number} share
 * @returns {number[]}
 */
export function some(count, share) {
  const wanted = Math.min(count, Math.max(SMALL, Math.round(count * share)));
  const first = wanted === count ? count : Math.ceil(wanted / 2);
  const step = (count - first) / Math.max(wanted - first, 1);
  return Array.from({ length: wanted }, (_, k) =>
    k < first ? k : first + Math.floor((k - first) * step));
}

/**
 * Return the points to draw of `batch`, which are the numbers of points in rising order.
 * @param {number[]} batch
 * @param {number} share
 */
const someOf = (batch, share) => some(batch.length, share).map((k) => batch[k]);

/**
 * Return which points are drawn of each trace of `scene`: those of no selection or not selected,
 * and those that are selected.
 * @param {Scene} scene
 * @param {number} share
 * @returns {{ plain: number[][], selected: number[][] }}
 */
export function chosen({ markerOptions, selectBatch, unselectBatch }, share) {
  const plain = markerOptions.map((options, k) => {
    if (!options) return [];
    if (unselectBatch[k].length) return someOf(unselectBatch[k], share);
    return selectBatch[k].length ? [] : some(options.positions.length / 2, share);
  });
  return { plain, selected: selectBatch.map((batch) => someOf(batch, share)) };
}

/**
 * Return how many points `scene` draws; 0 where it is not as expected.
 * @param {Scene | undefined} scene
 */
export function points(scene) {
  if (!scene?.scatter2d || !scene.selectBatch || !scene.unselectBatch || !scene.draw) return 0;
  return scene.markerOptions.reduce((sum, one) => sum + (one?.positions?.length ?? 0) / 2, 0);
}

/** @param {Graph} el */
const scenesOf = (el) => Object.values(el._fullLayout?._plots ?? {}).map((plot) => plot._scene);

/**
 * Let the plot in `el` draw some of very many points while the pointer is pressed on it, until the
 * function that is returned is called.
 * @param {Graph} el
 */
export function someWhileMoving(el) {
  /** @type {Map<Scene, () => void>} */
  const whole = new Map(); // what draws all points of those scenes that draw some
  let isPart = false; // whether the last drawing was of some points

  const restore = () => {
    for (const [scene, draw] of whole) scene.draw = draw;
    whole.clear();
    isPart = false;
  };

  const begin = (/** @type {PointerEvent} */ event) => {
    if (!(event.target instanceof Element) || !event.target.closest(".draglayer")) return;
    restore();
    for (const scene of scenesOf(el)) {
      const count = points(scene);
      if (!scene || count <= MOST) continue;
      whole.set(scene, scene.draw);
      scene.draw = () => {
        isPart = true;
        const { plain, selected } = chosen(scene, MOST / count);
        scene.scatter2d.draw(plain);
        if (scene.select2d) scene.select2d.draw(selected);
      };
    }
    if (!whole.size) return;
    window.addEventListener("pointerup", end, { capture: true, once: true });
    window.addEventListener("pointercancel", end, { capture: true, once: true });
  };

  const end = () => {
    window.removeEventListener("pointerup", end, { capture: true });
    window.removeEventListener("pointercancel", end, { capture: true });
    const waiting = new Map(isPart ? whole : []);
    restore();
    // plotly draws anew now, and asks `scene.draw` for it: then all points come back. Where it does
    // not, it is done here.
    for (const [scene, draw] of waiting) {
      scene.draw = () => {
        scene.draw = draw;
        waiting.delete(scene);
        draw();
      };
    }
    setTimeout(() => {
      const left = scenesOf(el).filter((scene) => scene && waiting.has(scene));
      if (!left.length) return;
      el._fullLayout?._glcanvas.each(({ regl }) => regl?.clear({ color: true, depth: true }));
      for (const scene of left) scene?.draw();
    }, SETTLED);
  };

  el.addEventListener("pointerdown", begin, { capture: true });
  return () => {
    el.removeEventListener("pointerdown", begin, { capture: true });
    restore();
  };
}
