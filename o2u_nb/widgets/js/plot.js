// Draw a plotly figure with plotly's own widget code, fetched from the kernel once per page.
//
// plotly puts its five megabytes of code into every widget. anywidget gives a widget two seconds to
// load its code, so that on a busy machine a page with several plots leaves some of them blank.
// Here each widget has only these lines. The first widget asks the kernel for plotly's code, and
// all widgets on the page share it. Each one then asks for its figure as it is now, since it has
// missed the changes that were sent before its code was there.

import { cutLine } from "./cut.js";
import { someWhileMoving } from "./moving.js";
import { Previews, under } from "./preview.js";
import { areaOf, reporting } from "./reports.js";

const PATIENCE = 20_000; // ms until another widget may ask, since the first one may be gone

/**
 * A widget's model, as anywidget hands it over.
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} set
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (...details: any[]) => void) => void} on
 * @property {(event: string, handler: (...details: any[]) => void) => void} off
 */

/**
 * The element in which plotly has drawn.
 * @typedef {HTMLElement & { _ev?: object,
 *   on: (event: string, handler: (event: any) => void) => void }} Graph
 */

/**
 * plotly's own widget.
 * @typedef {object} Figure
 * @property {(given: { model: Model }) => void} initialize
 * @property {(given: { model: Model, el: HTMLElement }) => () => void} render
 */

/** @typedef {{ default: () => Figure }} Code */

/**
 * What the widgets on a page share: when plotly's code was asked for, whether it is here, a promise
 * of it, and the function that keeps the promise.
 * @typedef {object} Page
 * @property {number} asked
 * @property {boolean} isHere
 * @property {Promise<Code>} code
 * @property {(code: Code) => void} resolve
 */

/** @returns {Page} */
function newPage() {
  /** @type {(code: Code) => void} */
  let resolve = () => {};
  /** @type {Promise<Code>} */
  const code = new Promise((kept) => { resolve = kept; });
  return { asked: -Infinity, isHere: false, code, resolve };
}

/**
 * Return a promise of plotly's code, and ask the kernel for it if no other widget has.
 * @param {Model} model
 */
function loaded(model) {
  const pages = /** @type {Record<symbol, Page>} */ (/** @type {unknown} */ (globalThis));
  const page = (pages[Symbol.for(`o2u_nb plotly ${model.get("_plotly")}`)] ??= newPage());
  if (!page.isHere && Date.now() - page.asked > PATIENCE) {
    page.asked = Date.now();
    model.on("msg:custom", async (message, [code]) => {
      if (message.kind !== "plotly" || page.isHere) return;
      page.isHere = true;
      const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
      page.resolve(await import(url));
      URL.revokeObjectURL(url);
    });
    model.send({ kind: "plotly" });
  }
  return page.code;
}

/**
 * Ask for the figure as it is now, and wait until it is here.
 * @param {Model} model
 * @returns {Promise<void>}
 */
function current(model) {
  return new Promise((resolve) => {
    model.on("change:_sent", () => resolve());
    model.send({ kind: "figure" });
  });
}

/** @param {Model} model */
async function started(model) {
  const { default: widget } = await loaded(model);
  await current(model);
  const figure = widget();
  figure.initialize({ model: reporting(model) });
  return figure;
}

/**
 * Let a plot follow the width of its place, until the function that is returned is called. plotly's
 * setting `responsive` is not enough: it follows only the width of the window. That does not change
 * when a tab opens, or when an output is drawn before it has a place.
 * @param {Model} model
 * @param {HTMLElement} el
 */
function follow(model, el) {
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (el.offsetWidth > 0 && el.offsetWidth !== width) {
      if (width === 0) model.send({ kind: "seen" }); // not so in a tab that nobody has opened
      width = el.offsetWidth;
      window.dispatchEvent(new Event("resize"));
    }
  });
  /** @type {(event: Event) => void} */
  const drawn = (event) => {
    if (/** @type {CustomEvent} */ (event).detail.element === el) observer.observe(el);
  };
  document.addEventListener("plotlywidget-after-render", drawn);
  return () => {
    observer.disconnect();
    document.removeEventListener("plotlywidget-after-render", drawn);
  };
}

/**
 * Show pictures of the point under the pointer, draw the line of a plot that has one, and draw only
 * some of very many points while the pointer is pressed, until the function that is returned is called.
 * @param {Model} model
 * @param {Graph} el
 */
function furnish(model, el) {
  const previews = model.get("_pictured") ? new Previews(model) : null;
  const cut = model.get("_has_cut") ? cutLine(model, el) : null;
  const still = someWhileMoving(/** @type {import("./moving.js").Graph} */ (/** @type {HTMLElement} */ (el)));
  /** @type {object | undefined} */
  let events; // plotly makes new ones when it draws the whole figure anew
  /** @type {(event: Event) => void} */
  const drawn = (event) => {
    if (/** @type {CustomEvent} */ (event).detail.element !== el || el._ev === events) return;
    events = el._ev;
    cut?.place();
    el.on("plotly_afterplot", () => {
      cut?.place();
      previews?.forget();
    });
    el.on("plotly_selected", (event) => {
      const area = areaOf(event);
      if (area) model.send({ kind: "area", area });
    });
    el.on("plotly_deselect", () => model.send({ kind: "area", area: null }));
    if (!previews) return;
    el.on("plotly_hover", ({ event: pointer, points: [{ curveNumber, pointNumber }] }) => {
      previews.show({ kind: "pictures", trace: curveNumber, point: pointNumber }, under(pointer));
    });
    el.on("plotly_unhover", () => previews.hide());
  };
  document.addEventListener("plotlywidget-after-render", drawn);
  return () => {
    document.removeEventListener("plotlywidget-after-render", drawn);
    previews?.close();
    cut?.remove();
    still();
  };
}

export default () => {
  /** @type {Promise<Figure>} */
  let figure;
  return {
    /** @param {{ model: Model }} given by anywidget */
    initialize({ model }) {
      figure = started(model); // not awaited, see above
    },
    /** @param {{ model: Model, el: Graph }} given by anywidget */
    async render({ model, el }) {
      el.classList.add("o2u-plot");
      const unfollow = follow(model, el), clear = furnish(model, el);
      const purge = (await figure).render({ model: reporting(model), el });
      return () => {
        unfollow();
        clear();
        purge();
      };
    },
  };
};
