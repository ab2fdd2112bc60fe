/** Turns clicks, boxes and drawn masks into requests, and their answers into masks. */

import { change, connection, get, newId, send } from "./api.js";
import { Mask } from "./masks.js";
import { dropMask, maskOf, putMasks } from "./maskstore.js";
import { failed, trying } from "./notices.js";
import { mayChange, refresh, said } from "./opening.js";
import { announce, app, readOnly, selected, title } from "./state.js";

/**
 * @typedef {import("./types.js").Point} Point
 * @typedef {import("./types.js").Thing} Thing
 * @typedef {import("./state.js").Pending} Pending
 * @typedef {{id: number|null, made: string}} Reference to an object that the server may not have made yet;
 *   `made`: the change that makes it
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
  if (app.selected !== null) return { id: app.selected, made: "" };
  if (coming) return coming;
  const video = /** @type {NonNullable<typeof app.video>} */ (app.video);
  const made = /** @type {Reference} */ ({ id: null, made: newId() });
  coming = made;
  change("POST", `/api/videos/${video.id}/objects`, { class: app.nextClass }, made.made)
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

/** @param {Reference} reference @param {string} rest @returns {string} a path of the object */
function pathOf(reference, rest) {
  return `/api/objects/${reference.id ?? `@${reference.made}`}/${rest}`;
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
  if (previewed && samePlace(previewed, click)) previewed.clicked = true;
  else previewed = app.hover = null;
  announce("prompts", "model");
  const body = {
    frame: click.frame,
    points: click.point ? [click.point] : [],
    labels: click.point ? [click.label] : [],
    box: click.box,
    candidates: false, // they are asked for when the mask is seen
  };
  try {
    const answer = await change("POST", pathOf(reference, "prompts"), body);
    const object = /** @type {number} */ (reference.id);
    const kind = click.box ? "box" : "points";
    const { frame, points, labels, box } = body;
    app.video?.prompts.push({ object, frame, points, labels, box, kind });
    take(object, click.frame, answer);
    void offer(object, click.frame, answer.mask?.counts);
  } catch (error) {
    previewed = app.hover = null;
    failed(error);
  }
  app.pending = app.pending.filter((one) => one !== click);
  announce("prompts", "model");
  if (!app.pending.length) refresh();
}

/**
 * @param {number} object
 * @param {number} frame
 * @param {{mask: any}} answer
 */
function take(object, frame, answer) {
  app.hover = null;
  app.candidates = null;
  previewed = null;
  if (answer.mask) putMasks(frame, [{ made: "prompt", fresh: true, ...answer.mask, object }]);
  announce("masks", "objects");
}

/**
 * Offer what else a click may mean, unless something was changed meanwhile.
 * @param {number} object
 * @param {number} frame
 * @param {string|undefined} shown the mask that it gave
 */
async function offer(object, frame, shown) {
  await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  const { made } = connection;
  try {
    const { candidates: list } = await get(`/api/objects/${object}/candidates/${frame}`);
    if (connection.made !== made || frame !== app.frame || list.length < 2) return;
    const chosen = Math.max(0, list.findIndex((/** @type {any} */ one) => one.counts === shown));
    app.candidates = { object, frame, list, chosen };
    announce("masks");
  } catch {
    // Then there is only the mask.
  }
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
  const reference = object === null ? target() : { id: object, made: "" };
  const show = (/** @type {number} */ id) => {
    putMasks(frame, [{ object: id, ...mask.record, made: chosen ? "prompt" : "brush", fresh: true }]);
    if (!chosen) app.candidates = null;
    announce("masks");
  };
  if (reference.id !== null) show(reference.id);
  await trying(async () => {
    await change("PUT", pathOf(reference, `masks/${frame}`), mask.record);
    show(/** @type {number} */ (reference.id));
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

/** A preview that comes later than so many milliseconds is not shown. */
export const previews = { late: 50 };

/**
 * @typedef {{frame: number, object: number|null, points: Point[], labels: number[]}} Question
 * @typedef {{body: Question, since: number, clicked: boolean}} Preview `clicked`: its mask is that of
 *   a click now, and shown until the click's own is there
 */

/** @type {Preview|null} the last one that was asked for */
let previewed = null;
let asking = false;

/**
 * Ask which mask a click would give; it is shown if it is there at once and the pointer still too.
 * @param {Point} point
 * @param {boolean} negative
 */
export function hover(point, negative) {
  if (!app.video || readOnly() || app.tracking || app.playing || app.pending.length) return;
  if (negative && app.selected === null) return;
  const body = {
    frame: app.frame, object: app.selected, points: [point], labels: [negative ? 0 : 1],
  };
  if (previewed && JSON.stringify(previewed.body) === JSON.stringify(body)) return;
  previewed = { body, since: performance.now(), clicked: false };
  void askPreviews();
}

/** One at a time, so that none waits for another that nobody wants any more. */
async function askPreviews() {
  if (asking) return;
  asking = true;
  /** @type {Preview|null} */
  let mine = null;
  while (previewed && previewed !== mine && app.video) {
    mine = previewed;
    try {
      const body = { ...mine.body, box: null, candidates: false };
      const answer = await send("POST", `/api/videos/${app.video.id}/preview`, body);
      const late = performance.now() - mine.since > previews.late;
      if (previewed !== mine || mine.body.frame !== app.frame || (late && !mine.clicked)) continue;
      app.hover = answer.candidates[0] ?? null;
      announce("prompts");
    } catch {
      // A preview that cannot be had is not shown.
    }
  }
  asking = false;
}

/** @param {Preview} preview @param {Pending} click */
function samePlace({ body }, click) {
  const place = [click.frame, click.object, click.point, click.label];
  return JSON.stringify([body.frame, body.object, body.points[0], body.labels[0]]) === JSON.stringify(place);
}

/** The pointer moved on: what it showed goes, but not what was clicked. */
export function endHover() {
  if (previewed?.clicked) return;
  previewed = null;
  if (app.hover) {
    app.hover = null;
    announce("prompts");
  }
}
