/** Goes to frames and plays; has the model look at a frame ahead of the first click. */

import { send } from "./api.js";
import { later } from "./dom.js";
import { hasPicture, wantPictures } from "./frames.js";
import { wantMasks } from "./maskstore.js";
import { announce, app, readOnly, watch } from "./state.js";

let started = 0;
let from = 0;

/**
 * Go to a frame.
 * @param {number} frame
 * @param {boolean} [byHand] false: tracking or playing goes there
 */
export function seek(frame, byHand = true) {
  const video = app.video;
  if (!video) return;
  const there = Math.min(Math.max(Math.round(frame), 0), video.length - 1);
  if (byHand) {
    if (app.tracking) app.tracking.follow = false;
    if (app.playing && there !== app.frame) restart(there);
  }
  if (there === app.frame) return;
  app.frame = there;
  app.hover = null;
  if (app.candidates && app.candidates.frame !== there) app.candidates = null;
  announce("frame");
}

/** @param {number} frame */
function restart(frame) {
  started = performance.now();
  from = frame;
}

/** Play, or stop. */
export function togglePlay() {
  const video = app.video;
  if (!video) return;
  app.playing = !app.playing;
  if (app.playing) {
    if (app.frame >= video.length - 1) seek(0);
    restart(app.frame);
    requestAnimationFrame(next);
  } else fetchAround();
  announce("playing");
}

function next() {
  const video = app.video;
  if (!app.playing || !video) return;
  const stop = app.range && app.frame < app.range[1] ? app.range[1] : video.length;
  const due = from + Math.floor(((performance.now() - started) / 1000) * (video.fps || 25));
  if (due > app.frame) {
    // A frame that is not there yet is waited for, not left out.
    if (hasPicture(app.frame + 1)) {
      let frame = app.frame + 1;
      while (frame < due && hasPicture(frame + 1)) frame++;
      seek(Math.min(frame, stop - 1), false);
      if (frame < due) restart(app.frame);
    } else restart(app.frame);
  }
  if (app.frame >= stop - 1) {
    app.playing = false;
    announce("playing");
    return;
  }
  requestAnimationFrame(next);
}

/** Fetch what is shown, and what will be shown soon. */
function fetchAround() {
  if (app.playing) wantPictures(16, 0);
  else wantPictures(3, 3);
  void wantMasks(app.frame, app.playing ? 48 : 4);
}

const embed = later(() => {
  const video = app.video;
  if (!video || app.playing || app.tracking || readOnly()) return;
  const frame = app.frame;
  app.embedding = true;
  announce("model");
  send("POST", `/api/videos/${video.id}/embed`, { frame, object: app.selected })
    .catch(() => {})
    .finally(() => {
      app.embedding = false;
      announce("model");
    });
}, 120);

/** Jump to the next or the previous frame of a list.
 * @param {number[]} frames
 * @param {number} direction 1 or -1
 * @returns {boolean} whether there was one
 */
export function jump(frames, direction) {
  const sorted = [...new Set(frames)].sort((a, b) => a - b);
  const found =
    direction > 0
      ? sorted.find((frame) => frame > app.frame)
      : sorted.reverse().find((frame) => frame < app.frame);
  if (found === undefined) return false;
  seek(found);
  return true;
}

/** Begin to watch. */
export function startPlayback() {
  watch("video frame", () => {
    fetchAround();
    embed();
  });
  watch("selection", embed);
}
