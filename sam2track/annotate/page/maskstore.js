/** The masks of the open video that this tab knows, fetched in chunks of frames and bounded. */

import { connection, get } from "./api.js";
import { Mask } from "./masks.js";
import { announce, app } from "./state.js";

/** @typedef {import("./types.js").MaskRecord} MaskRecord */
/** @typedef {{mask: Mask, record: MaskRecord}} Shown */

const CHUNK = 32;
const MOST_MASKS = 12000;
const MOST_BEFORE = 2000;

/** @type {Map<number, Map<number, Shown>>} frame -> object -> mask */
let frames = new Map();
/** @type {Map<number, "asked"|"there"|"old">} first frame of a chunk -> its state */
let chunks = new Map();
/** @type {Map<string, Mask>} "object:frame" -> the mask before the last change */
let before = new Map();
let known = 0;
let generation = 0;

/** Forget everything, for another video. */
export function forgetMasks() {
  frames = new Map();
  chunks = new Map();
  before = new Map();
  known = 0;
  generation++;
}

/** Fetch everything again when it is shown next; what is there is shown until then. */
export function refreshMasks() {
  for (const [start, state] of chunks) if (state !== "old") chunks.set(start, "old");
  generation++;
}

/** @param {number} frame @returns {Map<number, Shown>} the masks of a frame by object, so far */
export function masksOf(frame) {
  return frames.get(frame) ?? new Map();
}

/** @param {number} frame @returns {boolean} whether its masks were fetched and nothing changed since */
export function upToDate(frame) {
  return chunks.get(Math.floor(frame / CHUNK) * CHUNK) === "there";
}

/** @param {number} object @param {number} frame @returns {Shown|null} */
export function maskOf(object, frame) {
  return frames.get(frame)?.get(object) ?? null;
}

/** @param {number} object @param {number} frame @returns {Mask|null} before the last change */
export function maskBefore(object, frame) {
  return before.get(`${object}:${frame}`) ?? maskOf(object, frame)?.mask ?? null;
}

/** Forget what was before: from now on changes are compared with what is there now. */
export function forgetBefore() {
  before = new Map();
}

/**
 * Show masks of a frame.
 * @param {number} frame
 * @param {MaskRecord[]} records
 * @param {boolean} [all] whether these are all masks of the frame
 */
export function putMasks(frame, records, all = false) {
  const old = frames.get(frame);
  const now = all ? new Map() : (old ?? new Map());
  const size = old?.size ?? 0;
  for (const record of records) {
    const last = old?.get(record.object);
    const same = last?.mask.counts === record.counts;
    if (last && !same) keepBefore(record.object, frame, last.mask);
    // The same mask keeps its outlines.
    now.set(record.object, { mask: same && last ? last.mask : Mask.of(record), record });
  }
  frames.set(frame, now);
  known += now.size - size;
}

/** @param {number} object @param {number} frame @param {Mask} mask */
function keepBefore(object, frame, mask) {
  const key = `${object}:${frame}`;
  before.delete(key);
  before.set(key, mask);
  if (before.size > MOST_BEFORE) before.delete(/** @type {string} */ (before.keys().next().value));
}

/** Take an object's mask away.
 * @param {number} object
 * @param {number} frame
 */
export function dropMask(object, frame) {
  const shown = maskOf(object, frame);
  if (!shown) return;
  keepBefore(object, frame, shown.mask);
  frames.get(frame)?.delete(object);
  known--;
}

/**
 * Make sure that the masks around a frame are there or on their way.
 * @param {number} frame
 * @param {number} [ahead] frames that will be shown soon
 */
export async function wantMasks(frame, ahead = 0) {
  const video = app.video;
  if (!video) return;
  const first = Math.floor(frame / CHUNK) * CHUNK;
  const last = Math.min(frame + ahead, video.length - 1);
  for (let start = first; start <= last; start += CHUNK) {
    const state = chunks.get(start);
    if (state === "there" || state === "asked") continue;
    chunks.set(start, "asked");
    void fetchChunk(start, video.id, generation, connection.made);
  }
}

/** @param {number} start @param {number} video @param {number} mine @param {number} made */
async function fetchChunk(start, video, mine, made) {
  try {
    const path = `/api/videos/${video}/masks?start=${start}&stop=${start + CHUNK}`;
    const answer = await get(path);
    if (video !== app.video?.id) return;
    if (mine !== generation || made !== connection.made) {
      // Something changed meanwhile: ask again rather than show what was.
      chunks.set(start, "old");
      void wantMasks(app.frame);
      return;
    }
    chunks.delete(start);
    chunks.set(start, "there");
    for (let frame = start; frame < start + CHUNK; frame++) {
      putMasks(frame, answer.frames[frame] ?? [], true);
    }
    if (known > MOST_MASKS) dropFar();
    announce("masks");
  } catch {
    if (mine === generation) chunks.delete(start);
  }
}

/** Forget the chunks that were fetched first, but not those around this frame. */
function dropFar() {
  for (const [start, state] of chunks) {
    if (known <= 0.75 * MOST_MASKS) return;
    if (state !== "there" || Math.abs(start - app.frame) < 2 * CHUNK) continue;
    for (let frame = start; frame < start + CHUNK; frame++) {
      known -= frames.get(frame)?.size ?? 0;
      frames.delete(frame);
    }
    chunks.delete(start);
  }
}
