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

/** How many frames to fetch ahead and back, as was asked for last. */
const around = { ahead: 0, behind: 0 };

/**
 * Fetch the current frame and then some around it. What is on its way is waited for: the server
 * decodes it anyway, so that a quick drag over the timeline does not pile up work there.
 * @param {number} ahead how many frames forward
 * @param {number} behind how many frames back
 */
export function wantPictures(ahead, behind) {
  Object.assign(around, { ahead, behind });
  fetchNext();
}

function fetchNext() {
  const video = app.video;
  if (!video) return;
  const wanted = [app.frame];
  for (let step = 1; step <= Math.max(around.ahead, around.behind); step++) {
    if (step <= around.ahead) wanted.push(app.frame + step);
    if (step <= around.behind) wanted.push(app.frame - step);
  }
  for (const frame of wanted) {
    if (frame < 0 || frame >= video.length) continue;
    const key = address(frame);
    if (pictures.has(key) || asked.has(key)) continue;
    const most = frame === app.frame ? 4 : app.playing ? 3 : 1;
    if (asked.size >= most) return;
    void fetchPicture(key, video.id);
  }
}

/** @param {string} key @param {number} video */
async function fetchPicture(key, video) {
  const controller = new AbortController();
  asked.set(key, controller);
  try {
    const bitmap = await createImageBitmap(await getPicture(key, controller.signal));
    if (video !== app.video?.id) {
      bitmap.close();
      return;
    }
    pictures.set(key, bitmap);
    bytes += bitmap.width * bitmap.height * 4;
    shrink();
    asked.delete(key);
    if (key === address(app.frame)) announce("picture");
    fetchNext();
  } catch {
    if (asked.get(key) !== controller) return;
    asked.delete(key);
    // Once more, unless another frame is wanted by then.
    setTimeout(() => key === address(app.frame) && fetchNext(), 800);
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
