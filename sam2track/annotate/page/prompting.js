/** Turns clicks, boxes and drawn masks into requests, and their answers into masks. */

import { change, get, send } from "./api.js";
import { Mask } from "./masks.js";
import { dropMask, maskOf, putMasks } from "./maskstore.js";
import { failed, trying } from "./notices.js";
import { mayChange, refresh, said } from "./opening.js";
import { announce, app, readOnly, selected, title } from "./state.js";

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./types.js").Thing} Thing
 * @typedef {import("./state.js").Pending} Pending
 * @typedef {{id: number|null}} Reference to an object that the server may not have made yet
 */

/** @type {Reference|null} the new object that clicks go to until the server has made it */
let coming = null;

/** The next click makes a new object. */
export function newObject() {
  coming = null;
  app.selected = null;
  app.candidates = null;
  app.hover = null;
  if (app.tool === "select") app.tool = "point";
  announce("selection", "tool");
  said(`Click on what you want to follow. It becomes a new ${app.nextClass}.`);
}

/**
 * The selected object, or a new one.
 * @returns {Reference}
 */
function target() {
  if (app.selected !== null) return { id: app.selected };
  if (coming) return coming;
  const video = /** @type {NonNullable<typeof app.video>} */ (app.video);
  const made = /** @type {Reference} */ ({ id: null });
  coming = made;
  change("POST", `/api/videos/${video.id}/objects`, { class: app.nextClass })
    .then((one) => {
      made.id = one.id;
      if (app.video?.id !== video.id) return;
      if (!app.video.objects.some((each) => each.id === one.id)) app.video.objects.push(one);
      for (const click of app.pending) if (click.object === null) click.object = one.id;
      if (coming === made) app.selected = one.id;
      announce("objects", "selection");
    })
    .catch(failed)
    .finally(() => {
      if (coming === made) coming = null;
    });
  return made;
}

/** @param {Reference} reference */
function idOf(reference) {
  if (reference.id === null) throw new Error("The object could not be made, so this click is lost.");
  return reference.id;
}

/** @param {Point} point @param {boolean} negative */
export function addClick(point, negative) {
  const label = negative ? 0 : 1;
  if (negative && app.selected === null && !coming) {
    said("First click on the object itself; then Shift-click on what does not belong to it.");
    return;
  }
  void prompt({ frame: app.frame, object: app.selected, point, label, box: null });
}

/** @param {[number, number, number, number]} box xyxy */
export function addBox(box) {
  void prompt({ frame: app.frame, object: app.selected, point: null, label: 1, box });
}

/** @param {Pending} click */
async function prompt(click) {
  if (!mayChange()) return;
  const reference = target();
  app.pending.push(click);
  asking?.abort();
  announce("prompts", "model");
  const body = {
    frame: click.frame,
    points: click.point ? [click.point] : [],
    labels: click.point ? [click.label] : [],
    box: click.box,
  };
  try {
    const answer = await change("POST", () => `/api/objects/${idOf(reference)}/prompts`, body);
    const object = idOf(reference);
    const kind = click.box ? "box" : "points";
    app.video?.prompts.push({ object, ...body, kind });
    take(object, click.frame, answer);
  } catch (error) {
    app.hover = null;
    failed(error);
  }
  app.pending = app.pending.filter((one) => one !== click);
  announce("prompts", "model");
  if (!app.pending.length) refresh();
}

/**
 * @param {number} object
 * @param {number} frame
 * @param {{mask: any, candidates?: import("./types.js").Candidate[]}} answer
 */
function take(object, frame, answer) {
  app.hover = null;
  if (answer.mask) putMasks(frame, [{ made: "prompt", fresh: true, ...answer.mask, object }]);
  const list = answer.candidates ?? [];
  const chosen = Math.max(0, list.findIndex((one) => one.counts === answer.mask?.counts));
  app.candidates = list.length > 1 ? { object, frame, list, chosen } : null;
  announce("masks", "objects");
}

/** Choose another of the masks that the last click may mean. @param {number} at */
export function chooseCandidate(at) {
  const offered = app.candidates;
  if (!offered || !mayChange()) return;
  offered.chosen = (at + offered.list.length) % offered.list.length;
  const { size, counts } = offered.list[offered.chosen];
  void storeMask(offered.object, offered.frame, new Mask(size[0], size[1], counts), true);
}

/**
 * Store a mask that was drawn or chosen; it is shown at once.
 * @param {number|null} object null = a new one
 * @param {number} frame
 * @param {Mask} mask
 * @param {boolean} [chosen] whether it is a candidate
 */
export async function storeMask(object, frame, mask, chosen = false) {
  if (!mayChange()) return;
  const reference = object === null ? target() : { id: object };
  const show = (/** @type {number} */ id) => {
    putMasks(frame, [{ object: id, ...mask.record, made: chosen ? "prompt" : "brush", fresh: true }]);
    if (!chosen) app.candidates = null;
    announce("masks");
  };
  if (reference.id !== null) show(reference.id);
  await trying(async () => {
    await change("PUT", () => `/api/objects/${idOf(reference)}/masks/${frame}`, mask.record);
    show(idOf(reference));
  });
  refresh();
}

/** Change the mask of the selected object on this frame by a function.
 * @param {(mask: Mask) => Mask} edit
 */
export function editMask(edit) {
  const one = selected();
  const shown = one && maskOf(one.id, app.frame);
  if (!one || !shown) {
    said("Select an object that has a mask on this frame.");
    return;
  }
  const mask = edit(shown.mask);
  if (mask.counts === shown.mask.counts) said("Nothing to change.");
  else void storeMask(one.id, app.frame, mask);
}

/** Take the last point, box or drawn mask of this frame back. */
export async function removeLast() {
  const one = selected();
  if (!one || !mayChange()) return;
  const path = `/api/objects/${one.id}/prompts/${app.frame}?last=true`;
  await trying(async () => {
    const answer = await change("DELETE", path);
    if (answer?.mask) putMasks(app.frame, [{ made: "prompt", ...answer.mask, object: one.id }]);
    else dropMask(one.id, app.frame);
    app.candidates = null;
    said(`Taken back on ${title(one)}, frame ${app.frame}.`);
  });
  refresh();
}

/** @type {AbortController|null} */
let asking = null;

/**
 * Ask which mask a click would give; it is shown if the pointer is still there.
 * @param {Point} point
 * @param {boolean} negative
 */
export async function hover(point, negative) {
  const video = app.video;
  if (!video || readOnly() || app.tracking || app.playing) return;
  if (negative && app.selected === null) return;
  asking?.abort();
  const mine = (asking = new AbortController());
  const frame = app.frame;
  const body = {
    frame, object: app.selected, points: [point], labels: [negative ? 0 : 1], box: null,
  };
  try {
    const path = `/api/videos/${video.id}/preview`;
    const answer = await send("POST", path, body, { signal: mine.signal });
    if (mine.signal.aborted || frame !== app.frame || asking !== mine) return;
    app.hover = answer.candidates[0] ?? null;
    announce("prompts");
  } catch {
    // A preview that cannot be had is not shown.
  }
}

/** The pointer moved on: what it showed goes. */
export function endHover() {
  asking?.abort();
  asking = null;
  if (app.hover) {
    app.hover = null;
    announce("prompts");
  }
}

/** Read the objects of the video again, before something depends on them. */
export async function readObjects() {
  if (app.video) app.video = await get(`/api/videos/${app.video.id}`);
}
