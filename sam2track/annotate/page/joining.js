/** Merges, splits and swaps objects; says that one is not there, or deletes its masks, in a range. */

import { change } from "./api.js";
import { colourOf } from "./colours.js";
import { h } from "./dom.js";
import { encodeCounts, Mask } from "./masks.js";
import { putMasks } from "./maskstore.js";
import { dialog, trying } from "./notices.js";
import { mayChange, refresh, said } from "./opening.js";
import { rangeName } from "./ranges.js";
import { announce, app, title } from "./state.js";
import { select } from "./tools.js";

/** @typedef {import("./types.js").Thing} Thing */

/**
 * Ask for another object of the video.
 * @param {Thing} one
 * @param {string} question
 * @returns {Promise<Thing|null>}
 */
function another(one, question) {
  const others = (app.video?.objects ?? []).filter((each) => each.id !== one.id);
  return new Promise((resolve) => {
    if (!others.length) {
      said("There is no other object.");
      resolve(null);
      return;
    }
    /** @type {Thing|null} */
    let answer = null;
    const choices = others.map((each) => {
      const swatch = h("span", { class: "swatch small" });
      swatch.style.background = colourOf(each);
      const choose = () => {
        answer = each;
        box.close();
      };
      return h("button", { class: "choice", on: { click: choose } }, swatch, title(each));
    });
    const box = dialog(question, h("div", { class: "choices" }, ...choices));
    box.addEventListener("close", () => resolve(answer));
  });
}

/** @param {Thing} one */
export async function mergeObjects(one) {
  if (!mayChange()) return;
  const other = await another(one, `Which object is the same as ${title(one)}?`);
  if (!other) return;
  await trying(async () => {
    await change("POST", `/api/objects/${one.id}/merge`, { other: other.id });
    said(`${title(other)} is now a part of ${title(one)}.`);
  });
  refresh();
}

/** @param {Thing} one */
export async function splitObject(one) {
  if (!mayChange()) return;
  const frame = app.frame;
  await trying(async () => {
    const made = await change("POST", `/api/objects/${one.id}/split`, { frame });
    said(`${title(one)} ends before frame ${frame}; what follows is an object of its own.`);
    if (made?.id && made.id !== one.id) {
      app.video?.objects.push(made);
      select(made.id);
    }
  });
  refresh();
}

/** @param {Thing} one */
export async function swapObjects(one) {
  if (!mayChange()) return;
  const frame = app.frame;
  const other = await another(one, `Swap ${title(one)} from frame ${frame} on with`);
  if (!other) return;
  await trying(async () => {
    await change("POST", `/api/objects/${one.id}/swap`, { other: other.id, frame });
    said(`${title(one)} and ${title(other)} are swapped from frame ${frame} on.`);
  });
  refresh();
}

/**
 * Say that an object is not in the range, or on this frame: its masks there become empty.
 * @param {Thing} one
 */
export async function notHere(one) {
  const video = app.video;
  if (!video || !mayChange()) return;
  const [start, stop] = app.range ?? [app.frame, app.frame + 1];
  const where = rangeName();
  app.candidates = null;
  await trying(async () => {
    if (stop - start > 1) await change("POST", `/api/objects/${one.id}/clear`, { start, stop, absent: true });
    else { // a mask by hand, which can be taken back like a prompt
      const { record } = new Mask(video.height, video.width, encodeCounts([video.height * video.width]));
      await change("PUT", `/api/objects/${one.id}/masks/${start}`, record);
      if (app.video?.id === video.id) putMasks(start, [{ object: one.id, ...record, made: "brush", fresh: true }]);
    }
    said(`${title(one)} is not on ${where}.`);
  });
  announce("masks");
  refresh();
}

/** @param {Thing} one */
export async function clearRange(one) {
  if (!mayChange()) return;
  const [start, stop] = app.range ?? [app.frame, app.frame + 1];
  const where = rangeName();
  await trying(async () => {
    await change("POST", `/api/objects/${one.id}/clear`, { start, stop });
    said(`The masks of ${title(one)} on ${where} are deleted; tracking may fill these frames again.`);
  });
  refresh();
}
