// Draw a plotly figure with plotly's own widget code, fetched from the kernel once per page.
//
// plotly puts its five megabytes of code into every widget. anywidget gives a widget two seconds to
// load its code, so that on a busy machine a page with several plots leaves some of them blank.
// Here each widget has only these lines: the first one asks the kernel for plotly's code, and all
// on the page share it. A widget then asks for its figure as it is now, since changes sent before
// its code was there were missed.

const PATIENCE = 20_000; // milliseconds until another widget may ask: the first one may be gone

function loaded(model) {
  const key = Symbol.for(`o2u_nb plotly ${model.get("_plotly")}`);
  const page = (globalThis[key] ??= { asked: -Infinity });
  page.code ??= new Promise((resolve) => { page.resolve = resolve; });
  if (!page.here && Date.now() - page.asked > PATIENCE) {
    page.asked = Date.now();
    model.on("msg:custom", async (message, [code]) => {
      if (message.kind !== "plotly" || page.here) return;
      page.here = true;
      const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
      page.resolve(await import(url));
      URL.revokeObjectURL(url);
    });
    model.send({ kind: "plotly" });
  }
  return page.code;
}

function current(model) {
  return new Promise((resolve) => {
    model.on("change:_sent", () => resolve());
    model.send({ kind: "figure" });
  });
}

async function started(model) {
  const { default: widget } = await loaded(model);
  await current(model);
  const figure = widget();
  figure.initialize({ model });
  return figure;
}

// With plotly's `responsive` setting a plot follows the window's width, and nothing else: not that
// of a tab that opens, nor of an output that is drawn before it has a place.
function follow(el) {
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (el.offsetWidth > 0 && el.offsetWidth !== width) {
      width = el.offsetWidth;
      window.dispatchEvent(new Event("resize"));
    }
  });
  const drawn = ({ detail }) => {
    if (detail.element === el) observer.observe(el);
  };
  document.addEventListener("plotlywidget-after-render", drawn);
  return () => {
    observer.disconnect();
    document.removeEventListener("plotlywidget-after-render", drawn);
  };
}

export default () => {
  let figure;
  return {
    initialize({ model }) {
      figure = started(model); // not awaited, see above
    },
    async render({ model, el }) {
      const unfollow = follow(el);
      const purge = (await figure).render({ model, el });
      return () => {
        unfollow();
        purge();
      };
    },
  };
};
