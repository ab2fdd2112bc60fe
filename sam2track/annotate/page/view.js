/** Which part of the video the canvas shows: its scale and where its corner lies, in CSS pixels. */

import { announce, app } from "./state.js";

export const view = { scale: 1, x: 0, y: 0, width: 1, height: 1, fitted: true };

/** Show the whole frame. */
export function fit() {
  const video = app.video;
  if (!video) return;
  const margin = view.width < 500 ? 0 : 12;
  view.scale = Math.min(
    (view.width - 2 * margin) / video.width,
    (view.height - 2 * margin) / video.height,
  );
  view.scale = Math.max(view.scale, 0.02);
  view.x = (view.width - video.width * view.scale) / 2;
  view.y = (view.height - video.height * view.scale) / 2;
  view.fitted = true;
  announce("view");
}

/** The canvas has another size now.
 * @param {number} width
 * @param {number} height
 */
export function resized(width, height) {
  view.x += (width - view.width) / 2;
  view.y += (height - view.height) / 2;
  view.width = width;
  view.height = height;
  if (view.fitted) fit();
  else announce("view");
}

/**
 * Zoom; what is at a place of the canvas stays there.
 * @param {number} factor
 * @param {number} [x] default: the middle
 * @param {number} [y]
 */
export function zoomAt(factor, x = view.width / 2, y = view.height / 2) {
  const scale = Math.min(Math.max(view.scale * factor, 0.02), 64);
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  view.fitted = false;
  announce("view");
}

/** @param {number} dx @param {number} dy */
export function pan(dx, dy) {
  const video = app.video;
  if (!video) return;
  // A quarter of the frame, or of the canvas, stays in sight.
  const [w, h] = [video.width * view.scale, video.height * view.scale];
  const [mx, my] = [Math.min(w, view.width) / 4, Math.min(h, view.height) / 4];
  view.x = Math.min(Math.max(view.x + dx, mx - w), view.width - mx);
  view.y = Math.min(Math.max(view.y + dy, my - h), view.height - my);
  view.fitted = false;
  announce("view");
}

/** @param {number} x @param {number} y @returns {import("./types.js").Point} in video pixels */
export function toVideo(x, y) {
  return [(x - view.x) / view.scale, (y - view.y) / view.scale];
}

/** @param {number} x @param {number} y @returns {import("./types.js").Point} on the canvas */
export function toScreen(x, y) {
  return [x * view.scale + view.x, y * view.scale + view.y];
}
