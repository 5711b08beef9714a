// One question after the other, each with a picture and a few answers: for the lessons in which the
// student is the one who is measured. Keys 1 to 9 answer, Backspace takes the last answer back.

import { make } from "./elements.js";
import { keepKeys } from "./shield.js";

/**
 * @typedef {object} TrialTraits
 * @property {string} text the question, "" after the last one
 * @property {string[]} choices the answers to it
 * @property {string} place such as "3 of 20"
 * @property {string} feedback on the answer before
 * @property {DataView} picture PNG bytes
 * @property {string} described what the picture is, for a screen reader
 */

/**
 * @typedef {object} TrialModel
 * @property {<Name extends keyof TrialTraits>(name: Name) => TrialTraits[Name]} get
 * @property {(message: object) => void} send
 * @property {(event: string, handler: (...details: any[]) => void) => void} on
 * @property {(event: string, handler: (...details: any[]) => void) => void} off
 */

/** @param {{ model: TrialModel, el: HTMLElement }} given by anywidget */
function render({ model, el }) {
  const image = make("img", { width: 160, height: 160 });
  const place = make("div", { class: "o2u-trial-place" });
  const text = make("div", { class: "o2u-trial-text", "aria-live": "polite" });
  const buttons = make("div", { class: "o2u-trial-choices" });
  const back = make("button", { type: "button", onclick: () => model.send({ kind: "back" }) },
    "Take back (Backspace)");
  const feedback = make("div", { class: "o2u-trial-feedback", "aria-live": "polite" });
  el.classList.add("o2u-trial");
  el.tabIndex = 0;
  keepKeys(el);
  el.append(image, make("div", {}, place, text, buttons, feedback, back));

  let url = "";
  /** @param {number} choice */
  const answer = (choice) => model.send({ kind: "answer", choice });
  const show = () => {
    const bytes = model.get("picture");
    URL.revokeObjectURL(url);
    url = bytes.byteLength
      ? URL.createObjectURL(new Blob([/** @type {ArrayBufferView<ArrayBuffer>} */ (bytes)])) : "";
    image.hidden = !url;
    if (url) image.src = url;
    image.alt = model.get("described");
    place.textContent = model.get("place");
    text.textContent = model.get("text");
    feedback.textContent = model.get("feedback");
    buttons.replaceChildren(...model.get("choices").map((name, k) =>
      make("button", { type: "button", onclick: () => { answer(k); el.focus(); } },
        `${k + 1}  ${name}`)));
  };
  el.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const choice = Number(event.key) - 1;
    if (event.key === "Backspace") model.send({ kind: "back" });
    else if (choice >= 0 && choice < model.get("choices").length) answer(choice);
    else return;
    event.preventDefault();
  });
  model.on("change", show);
  show();
  return () => {
    model.off("change", show);
    URL.revokeObjectURL(url);
  };
}

export default { render };
