// The epoch player: play or scrub the epochs, and see the points of the samples move. Python sends
// all epochs once, as arrays; from then on the browser needs the kernel for pictures only.

import { make, select } from "./elements.js";
import { nearest } from "./frames.js";
import { Previews } from "./preview.js";
import { keepKeys } from "./shield.js";
import { MARKED, REST, Stage } from "./stage.js";

/** @import { Path, Scene } from "./stage.js" */

/**
 * The sample that is looked at: its title, and the class that it was taken for in each epoch, null
 * where it was not seen.
 * @typedef {Path & { title: string, given: string, guesses: (string | null)[] }} Chosen
 */

/**
 * @typedef {object} PlayerTraits
 * @property {Chosen | null} chosen
 * @property {DataView} picture JPEG
 * @property {string[]} names of both groups, with their numbers
 */

/**
 * The widget's model, as anywidget hands it over.
 * @typedef {object} PlayerModel
 * @property {<Name extends keyof PlayerTraits>(name: Name) => PlayerTraits[Name]} get
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (...details: any[]) => void) => void} on
 * @property {(event: string, handler: (...details: any[]) => void) => void} off
 */

const REACH = 12; // pixels from a point within which the pointer is on it
const SPEEDS = [1, 2, 4, 8]; // epochs in a second
const USUAL = 1; // the place among them of the speed to begin with
/** @type {Record<string, { by?: number, to?: number, sample?: number }>} */
const KEYS = {
  ArrowLeft: { by: -1 }, ArrowRight: { by: 1 }, Home: { to: 0 }, End: { to: Infinity },
  ArrowUp: { sample: -1 }, ArrowDown: { sample: 1 },
};

/** @param {DataView} view */
const floats = ({ buffer, byteOffset, byteLength }) =>
  new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));

/** @param {{ model: PlayerModel, el: HTMLElement }} given by anywidget */
function render({ model, el }) {
  const previews = new Previews(model);
  const play = make("button", { type: "button", class: "o2u-play", title: "Space" }, "▶ Play");
  const scrub = make("input", { type: "range", min: 0, max: 0, step: 1, "aria-label": "Epoch" });
  const where = make("output"), legend = make("p", { class: "o2u-legend" });
  const speed = select("Epochs per second", SPEEDS.map(String), () => canvas.focus());
  const canvas = make("canvas", {
    tabindex: "0", role: "img",
    "aria-label": "Mean and variance of each sample's loss. Space plays, left and right go from " +
      "epoch to epoch, up and down from sample to sample.",
  });
  const picture = make("img", { alt: "" }), title = make("p"), guesses = make("ol");
  const about = "Predicted in each epoch; underlined: not the given label";
  const side = make(
    "aside", {}, picture, title, make("div", {}, about), guesses,
  );
  speed.field.selectedIndex = USUAL;
  el.classList.add("o2u-player");
  keepKeys(el);
  el.append(
    make("div", { class: "o2u-controls" }, play, scrub, where, speed.node),
    make("div", { class: "o2u-stage" }, canvas, side), legend,
  );

  const stage = new Stage(canvas);
  /** @type {Scene | null} */
  let scene = null;
  let t = 0, isPlaying = false, isDue = false, before = 0, isAsked = false, url = "";
  const last = () => (scene ? scene.frames.epochs - 1 : 0);

  const tell = () => {
    if (!scene) return;
    const epoch = Math.round(t), since = scene.since[epoch] + 1;
    scrub.value = String(epoch);
    const words = `Epoch ${epoch + 1} of ${last() + 1}, ${scene.phases[epoch]}, ` +
      `mean and variance since epoch ${since}`;
    if (where.textContent !== words) where.textContent = words;
    [...guesses.children].forEach((item, i) => {
      if ((i === epoch) !== (item.getAttribute("aria-current") === "step")) {
        if (i === epoch) item.setAttribute("aria-current", "step");
        else item.removeAttribute("aria-current");
      }
    });
  };
  /** @param {number} now ms */
  const frame = (now) => {
    isDue = false;
    if (isPlaying) {
      t = Math.min(t + SPEEDS[speed.field.selectedIndex] * Math.min(now - before, 200) / 1000, last());
      if (t >= last()) pause();
      else due();
    }
    before = now;
    if (!scene) return;
    stage.draw(scene, calm.matches ? Math.round(t) : t, model.get("chosen"));
    tell();
  };
  const due = () => {
    if (!isDue) requestAnimationFrame(frame);
    isDue = true;
  };
  const pause = () => {
    isPlaying = false;
    play.textContent = "▶ Play";
    t = Math.round(t);
    due();
  };
  const toggle = () => {
    if (isPlaying) return pause();
    isPlaying = true;
    play.textContent = "❚❚ Pause";
    before = performance.now();
    if (t >= last()) t = 0;
    previews.hide();
    due();
  };
  /** @param {number} epoch */
  const goTo = (epoch) => {
    pause();
    t = Math.max(0, Math.min(epoch, last()));
    previews.hide();
  };

  /** @param {MouseEvent} event */
  const pointAt = ({ clientX, clientY }) => {
    const { left, top } = canvas.getBoundingClientRect();
    return nearest(stage.xs, stage.ys, clientX - left, clientY - top, REACH);
  };
  canvas.addEventListener("pointermove", (event) => {
    const point = scene && !isPlaying ? pointAt(event) : -1;
    canvas.style.cursor = point < 0 ? "default" : "pointer";
    if (point < 0) return previews.hide();
    const { left, top } = canvas.getBoundingClientRect();
    const x = left + stage.xs[point], y = top + stage.ys[point];
    previews.show({ kind: "pictures", trace: 0, point }, { left: x, right: x, top: y, bottom: y });
  });
  canvas.addEventListener("pointerleave", () => previews.hide());
  canvas.addEventListener("click", (event) => {
    const point = scene ? pointAt(event) : -1;
    if (point >= 0) model.send({ kind: "go", point });
  });
  play.addEventListener("click", toggle);
  scrub.addEventListener("input", () => goTo(Number(scrub.value)));
  el.addEventListener("keydown", (event) => {
    const field = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || field === speed.field) return;
    const key = KEYS[event.key], isButton = field === play;
    if (event.key === " " && !isButton) toggle();
    else if (key && !(field === scrub && key.sample)) {
      if (key.by) goTo(Math.round(t) + key.by);
      else if (key.to !== undefined) goTo(key.to);
      else if (key.sample) model.send({ kind: "step", by: key.sample });
    } else return;
    event.preventDefault(); // the page would scroll
  });

  const choose = () => {
    const chosen = model.get("chosen");
    side.hidden = !chosen;
    title.textContent = chosen?.title ?? "";
    guesses.replaceChildren(...(chosen?.guesses ?? []).map((name) => make(
      "li", { class: name === chosen?.given ? "o2u-as-given" : "o2u-otherwise" }, name ?? "not seen",
    )));
    if (url) URL.revokeObjectURL(url);
    const bytes = model.get("picture");
    url = bytes?.byteLength
      ? URL.createObjectURL(new Blob([/** @type {any} */ (bytes)], { type: "image/jpeg" })) : "";
    picture.hidden = !url;
    if (url) picture.src = url;
    due();
  };
  const name = () => {
    const [rest, marked, drawn] = model.get("names");
    const signs = [["■", REST, rest], ["✕", MARKED, marked]].map(([sign, color, words]) =>
      make("span", {}, make("b", { style: `color:${color}` }, sign), ` ${words}`));
    legend.replaceChildren(...signs, make("span", {}, `${drawn} The bars at the sides count the ` +
      "samples of each group, as shares of its highest bar. A point beyond an axis is drawn at its end."));
  };
  /** @param {any} message @param {DataView[]} buffers */
  const hear = (message, buffers) => {
    if (message.kind === "frames") {
      const [mean, variance] = buffers.map(floats);
      const { n, epochs, xTop, yTop, rate, phases, since } = message;
      const frames = { n, epochs, mean, variance, xTop, yTop };
      const empty = new Float32Array(0);
      const none = { marks: new Uint8Array(n), bins: 0, xShares: empty, yShares: empty };
      scene = { ...none, ...scene, frames, rate, phases, since };
      scrub.max = String(epochs - 1);
      t = Math.min(t, epochs - 1);
    } else if (message.kind === "marks" && scene) {
      const [marks, ...sides] = buffers, [xShares, yShares] = sides.map(floats);
      const { buffer, byteOffset, byteLength } = marks;
      Object.assign(scene, {
        marks: new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength)),
        bins: message.bins, xShares, yShares,
      });
    } else return;
    due();
  };
  model.on("msg:custom", hear);
  model.on("change:chosen", choose);
  model.on("change:picture", choose);
  model.on("change:names", name);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  // The frames are asked for when the player is seen for the first time, since it may be in a tab
  // that nobody opens.
  const size = new ResizeObserver(() => {
    if (canvas.clientWidth && !isAsked) model.send({ kind: "frames" });
    isAsked ||= canvas.clientWidth > 0;
    due();
  });
  size.observe(canvas);
  const theme = new MutationObserver(due);
  theme.observe(document.body, { attributes: true });
  choose();
  name();
  return () => {
    model.off("msg:custom", hear);
    model.off("change:chosen", choose);
    model.off("change:picture", choose);
    model.off("change:names", name);
    size.disconnect();
    theme.disconnect();
    isPlaying = false;
    scene = null;
    if (url) URL.revokeObjectURL(url);
    previews.close();
  };
}

export default { render };
