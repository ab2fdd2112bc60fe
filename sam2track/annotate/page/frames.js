/** Pictures of frames: fetched, decoded, kept within a bound, fetched ahead. */

import { frameAddress, getPicture } from "./api.js";
import { announce, app } from "./state.js";

const MOST_BYTES = 192 * 2 ** 20;
const WIDTHS = [640, 1280];

/** @type {Map<string, ImageBitmap>} least recently used first */
const pictures = new Map();
/** @type {Map<string, AbortController>} */
const asked = new Map();
let bytes = 0;

/** @type {{bitmap: ImageBitmap, frame: number, video: number}|null} */
let last = null;
let wantedWidth = Infinity;

/** Say how many pixels a frame has on the screen, so that no larger picture is fetched.
 * @param {number} pixels
 */
export function showAtWidth(pixels) {
  const width = WIDTHS.find((one) => one >= pixels) ?? Infinity;
  // A larger picture is not thrown away for a smaller one.
  if (width > wantedWidth || !last) wantedWidth = width;
}

/** Forget all pictures, for another video. */
export function forgetPictures() {
  for (const controller of asked.values()) controller.abort();
  for (const bitmap of pictures.values()) bitmap.close();
  pictures.clear();
  asked.clear();
  bytes = 0;
  last = null;
  wantedWidth = Infinity;
}

/** @param {number} frame */
function address(frame) {
  const video = app.video;
  return video ? frameAddress(video, frame, wantedWidth) : "";
}

/**
 * The picture of the current frame, or the one that was shown before until it is there.
 * @returns {{bitmap: ImageBitmap, frame: number}|null}
 */
export function currentPicture() {
  if (!app.video) return null;
  const key = address(app.frame);
  const bitmap = pictures.get(key);
  if (bitmap) {
    pictures.delete(key);
    pictures.set(key, bitmap);
    last = { bitmap, frame: app.frame, video: app.video.id };
  }
  return last && last.video === app.video.id ? last : null;
}

/** @param {number} frame @returns {boolean} whether a frame can be shown at once */
export function hasPicture(frame) {
  return pictures.has(address(frame));
}

/**
 * Fetch the current frame and then some around it; what is asked for and not wanted is stopped.
 * @param {number} ahead how many frames forward
 * @param {number} behind how many frames back
 */
export function wantPictures(ahead, behind) {
  const video = app.video;
  if (!video) return;
  const wanted = [app.frame];
  for (let step = 1; step <= Math.max(ahead, behind); step++) {
    if (step <= ahead) wanted.push(app.frame + step);
    if (step <= behind) wanted.push(app.frame - step);
  }
  const keys = wanted.filter((one) => one >= 0 && one < video.length).map(address);
  for (const [key, controller] of asked) {
    if (!keys.includes(key)) {
      controller.abort();
      asked.delete(key);
    }
  }
  // Few at a time: the current frame must not wait behind others.
  const missing = keys.filter((key) => !pictures.has(key) && !asked.has(key));
  for (const key of missing.slice(0, Math.max(0, 4 - asked.size))) void fetchPicture(key, ahead, behind);
}

/** @param {string} key @param {number} ahead @param {number} behind */
async function fetchPicture(key, ahead, behind) {
  const controller = new AbortController();
  asked.set(key, controller);
  const video = app.video?.id;
  try {
    const bitmap = await createImageBitmap(await getPicture(key, controller.signal));
    if (video !== app.video?.id || controller.signal.aborted) {
      bitmap.close();
      return;
    }
    pictures.set(key, bitmap);
    bytes += bitmap.width * bitmap.height * 4;
    shrink();
    asked.delete(key);
    if (key === address(app.frame)) announce("picture");
    wantPictures(ahead, behind);
  } catch {
    if (asked.get(key) === controller) asked.delete(key);
    // Once more, unless another frame is wanted by then.
    setTimeout(() => {
      if (!controller.signal.aborted && key === address(app.frame)) wantPictures(0, 0);
    }, 800);
  }
}

function shrink() {
  for (const [key, bitmap] of pictures) {
    if (bytes <= MOST_BYTES) return;
    if (bitmap === last?.bitmap || key === address(app.frame)) continue;
    pictures.delete(key);
    bytes -= bitmap.width * bitmap.height * 4;
    bitmap.close();
  }
}
