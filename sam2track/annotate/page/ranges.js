/** The range of frames that is tracked, accepted or emptied: chosen, shown, and left by its ×. */

import { byId } from "./dom.js";
import { said } from "./opening.js";
import { announce, app, count, watch } from "./state.js";

let picking = false;

/** @param {[number, number]|null} range its stop is left out */
export function setRange(range) {
  app.range = range;
  announce("range");
}

/** @returns {string} the range that is chosen, or this frame, for people */
export function rangeName() {
  const [start, stop] = app.range ?? [app.frame, app.frame + 1];
  return stop - start === 1 ? `frame ${count(start)}` : `frames ${count(start)}–${count(stop - 1)}`;
}

/** The next drag over the timeline makes a range. */
export function pickRange() {
  picking = true;
  byId("ruler").classList.add("picking");
  said("Drag over the frames on the timeline. Then Range tracks them.");
}

/** Whether a drag that begins now makes a range. @param {PointerEvent} event */
export function picksRange(event) {
  return picking || event.altKey;
}

/** @returns {boolean} whether a range was to be chosen */
export function cancelPicking() {
  const was = picking;
  picking = false;
  byId("ruler").classList.remove("picking");
  if (was) said("");
  return was;
}

/**
 * Draw the range behind the lanes.
 * @param {CanvasRenderingContext2D} on
 * @param {(frame: number) => number} xOf
 * @param {number} height
 * @param {string} colour
 */
export function drawRange(on, xOf, height, colour) {
  if (!app.range) return;
  const [x0, x1] = app.range.map(xOf);
  on.fillStyle = colour;
  on.globalAlpha = 0.22;
  on.fillRect(x0, 0, x1 - x0, height);
  on.globalAlpha = 1;
  on.fillRect(x0, 0, 2, height);
  on.fillRect(x1 - 2, 0, 2, height);
}

/**
 * Put the button that leaves the range at its end.
 * @param {(frame: number) => number} xOf
 * @param {number} left the first pixel of frames
 * @param {number} width of the timeline
 */
export function placeRange(xOf, left, width) {
  const button = byId("range-off");
  button.hidden = !app.range;
  if (!app.range) return;
  button.textContent = `${rangeName().replace(/^frames? /, "")} ×`;
  button.setAttribute("aria-label", `Leave the range of ${rangeName()}`);
  const end = xOf(app.range[1]);
  button.style.left = `${Math.min(Math.max(end + 2, left), width - button.offsetWidth - 2)}px`;
}

/** Begin to listen. */
export function startRanges() {
  byId("range-off").addEventListener("click", () => setRange(null));
  byId("range-off").addEventListener("pointerdown", (event) => event.stopPropagation());
  const name = () => {
    const text = rangeName();
    byId("edit-where").textContent = text[0].toUpperCase() + text.slice(1);
  };
  watch("range frame video", name);
}
