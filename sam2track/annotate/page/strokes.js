/** Brush, eraser and polygon: what is drawn, in video pixels, until it is stored as a mask. */

import { redraw, showLive } from "./canvas.js";
import { colourOf } from "./colours.js";
import { dropCorner, holdsCorner } from "./corners.js";
import { withKey } from "./dom.js";
import { Mask } from "./masks.js";
import { maskOf } from "./maskstore.js";
import { mayChange, said } from "./opening.js";
import { ring, strokeTwice } from "./overlay.js";
import { storeMask } from "./prompting.js";
import { app, selected } from "./state.js";
import { toScreen, view } from "./view.js";

/** @typedef {import("./types.js").Point} Point */

const board = document.createElement("canvas");
/** @type {{points: Point[], add: boolean}|null} */
let stroke = null;
/** @type {Point[]} */
let corners = [];

function painter() {
  const on = board.getContext("2d", { willReadFrequently: true });
  return /** @type {CanvasRenderingContext2D} */ (on);
}

function clearBoard() {
  if (!app.video) return;
  board.width = app.video.width;
  board.height = app.video.height;
}

/** @param {boolean} add @returns {boolean} whether there is something to take away from */
function mayDraw(add) {
  if (!mayChange()) return false;
  if (add || (app.selected !== null && maskOf(app.selected, app.frame))) return true;
  said("Select an object that has a mask on this frame; the eraser takes parts of it away.");
  return false;
}

/** Put down the brush or the eraser. @param {Point} point @param {boolean} add */
export function beginStroke(point, add) {
  if (!mayDraw(add)) return;
  stroke = { points: [point], add };
  clearBoard();
  paint();
}

/** @param {Point} point */
export function moveStroke(point) {
  if (!stroke) return;
  stroke.points.push(point);
  paint();
}

/** Take the last piece of the stroke away; the whole stroke if little is left.
 * @returns {boolean} whether there was one
 */
export function undoStroke() {
  if (!stroke) return false;
  if (stroke.points.length <= 1) cancelDrawing();
  else {
    stroke.points.length = Math.max(1, stroke.points.length - 8);
    clearBoard();
    paint();
  }
  return true;
}

function paint() {
  if (!stroke) return;
  const on = painter();
  on.lineCap = on.lineJoin = "round";
  on.lineWidth = app.brushSize;
  on.beginPath();
  stroke.points.forEach(([x, y], at) => (at ? on.lineTo(x, y) : on.moveTo(x, y)));
  if (stroke.points.length === 1) on.lineTo(stroke.points[0][0] + 0.01, stroke.points[0][1]);
  on.stroke();
  showLive({ object: app.selected ?? -1, add: stroke.add, stroke: board });
}

/** Store what was drawn. */
export function endStroke() {
  if (!stroke) return;
  const { add } = stroke;
  stroke = null;
  commit(add);
}

/** Add the board to the selected object's mask, or take it away. @param {boolean} add */
function commit(add) {
  const video = app.video;
  if (!video) return;
  const { width, height } = video;
  const old = app.selected === null ? null : maskOf(app.selected, app.frame);
  const pixels = old ? old.mask.pixels() : new Uint8Array(width * height);
  const drawn = painter().getImageData(0, 0, width, height).data;
  for (let at = 0; at < pixels.length; at++) if (drawn[4 * at + 3] >= 128) pixels[at] = add ? 1 : 0;
  const mask = Mask.fromPixels(pixels, height, width);
  showLive(null);
  if (mask.counts !== old?.mask.counts) void storeMask(app.selected, app.frame, mask);
}

/** Whether something is being drawn. */
export function drawing() {
  return stroke !== null || corners.length > 0 || holdsCorner();
}

/** Leave what is being drawn. */
export function cancelDrawing() {
  stroke = null;
  corners = [];
  dropCorner();
  showLive(null);
}

/** Add a corner to the polygon; a click on the first one closes it.
 * @param {Point} point
 * @param {boolean} add
 */
export function addCorner(point, add) {
  if (!corners.length && !mayDraw(add)) return;
  const first = corners[0];
  const near = 10 / view.scale;
  if (corners.length > 2 && Math.hypot(point[0] - first[0], point[1] - first[1]) < near) {
    closePolygon(add);
    return;
  }
  corners.push(point);
  said("Enter closes the polygon. Ctrl+Z takes a corner back.");
  redraw();
}

/** @returns {boolean} whether there was a corner */
export function undoCorner() {
  if (!corners.length) return false;
  corners.pop();
  redraw();
  return true;
}

/** Store the polygon. @param {boolean} add @returns {boolean} whether there was one */
export function closePolygon(add) {
  if (!corners.length) return false;
  if (corners.length < 3) {
    said("A polygon needs three corners.");
    return true;
  }
  clearBoard();
  const on = painter();
  on.beginPath();
  corners.forEach(([x, y], at) => (at ? on.lineTo(x, y) : on.moveTo(x, y)));
  on.fill();
  corners = [];
  commit(add);
  said(`${withKey("“Corners”", "Shift+5")} moves the corners later.`);
  return true;
}

/** The polygon so far, with a line to the pointer.
 * @param {CanvasRenderingContext2D} on
 * @param {Point|null} pointer in video pixels
 */
export function drawCorners(on, pointer) {
  if (!corners.length) return;
  const one = selected();
  const places = corners.map((point) => toScreen(...point));
  on.beginPath();
  places.forEach(([x, y], at) => (at ? on.lineTo(x, y) : on.moveTo(x, y)));
  if (pointer) on.lineTo(...toScreen(...pointer));
  strokeTwice(on, one ? colourOf(one) : "#ffffff");
  places.forEach(([x, y], at) => ring(on, x, y, at ? 3 : 6, "#ffffff"));
}
