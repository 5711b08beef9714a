// One question after the other, each with a picture and a few answers: for the lessons in which the
// student is the one who is measured. Each answer has a key, and Backspace takes the last one back.

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

/**
 * Return the key of each answer: the answer itself if it is one character, so that a digit is typed
 * as it is; otherwise its number, or for the tenth and later its first letter.
 * @param {string[]} choices
 */
export function keysOf(choices) {
  return choices.map((name, k) =>
    name.length === 1 ? name : k < 9 ? String(k + 1) : name[0].toLowerCase());
}

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
    const keys = keysOf(model.get("choices"));
    buttons.replaceChildren(...model.get("choices").map((name, k) =>
      make("button", { type: "button", onclick: () => { answer(k); el.focus(); } },
        name === keys[k] ? name : `${keys[k]}  ${name}`)));
  };
  el.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const choice = keysOf(model.get("choices")).indexOf(event.key.toLowerCase());
    if (event.key === "Backspace") model.send({ kind: "back" });
    else if (choice >= 0) answer(choice);
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
