/**
 * Moves the corners of a mask's outline, wherever the mask came from: a polygon, a brush, the model.
 * The outline is made simpler, and only what lies between its old and its new line changes.
 */

import { redraw } from "./canvas.js";
import { colourOf } from "./colours.js";
import { TOUCH } from "./dom.js";
import { Mask, trace } from "./masks.js";
import { maskOf } from "./maskstore.js";
import { mayChange, said } from "./opening.js";
import { strokeTwice } from "./overlay.js";
import { storeMask } from "./prompting.js";
import { app, selected } from "./state.js";
import { toScreen } from "./view.js";

/** @typedef {import("./types.js").Point} Point */
/** @typedef {{object: number, frame: number, mask: Mask, rings: Point[][]}} Shape */

const NEAR = TOUCH ? 22 : 10; // pixels of the screen
/** @type {Shape|null} the selected object's outline, as long as its mask is the same */
let shape = null;
/** @type {{ring: number, at: number, shape: Shape, before: Point[]}|null} */
let held = null;

/** @returns {Shape|null} the outline of the selected object on this frame */
function shown() {
  const one = selected();
  const mask = one && maskOf(one.id, app.frame)?.mask;
  if (!one || !mask?.box) return null;
  if (shape?.mask.counts !== mask.counts || shape.object !== one.id || shape.frame !== app.frame) {
    shape = { object: one.id, frame: app.frame, mask, rings: cornersOf(mask) };
  }
  return shape;
}

/** @param {Mask} mask @returns {Point[][]} the corners of its outlines, holes too */
export function cornersOf(mask) {
  /** @type {Point[][]} */
  const rings = [];
  const add = (/** @type {number} */ x, /** @type {number} */ y) => rings[rings.length - 1].push([x, y]);
  trace(mask, { moveTo: (x, y) => rings.push([[x, y]]), lineTo: add, closePath: () => {} });
  return rings.map((points) => {
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const size = Math.hypot(span(xs), span(ys));
    return simplified(points, Math.min(Math.max(1.2, size / 100), 4));
  }).filter((ring) => ring.length > 2);
}

/** @param {number[]} values */
function span(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return most - least;
}

/**
 * A ring with fewer points, none of the others further from it than a tolerance
 * (Douglas and Peucker, from the two points that are far from each other).
 * @param {Point[]} ring
 * @param {number} tolerance
 */
function simplified(ring, tolerance) {
  const far = (/** @type {Point} */ from) => {
    const distance = ring.map(([x, y]) => Math.hypot(x - from[0], y - from[1]));
    return distance.indexOf(distance.reduce((a, b) => Math.max(a, b)));
  };
  const first = far(ring[0]);
  const points = [...ring.slice(first), ...ring.slice(0, first), ring[first]];
  const opposite = (far(ring[first]) - first + ring.length) % ring.length;
  const keep = new Set([0, opposite]);
  const stack = [[0, opposite], [opposite, ring.length]];
  for (let pair = stack.pop(); pair; pair = stack.pop()) {
    const [from, to] = pair;
    let [most, at] = [tolerance, -1];
    for (let k = from + 1; k < to; k++) {
      const distance = toEdge(points[k], points[from], points[to])[0];
      if (distance > most) [most, at] = [distance, k];
    }
    if (at < 0) continue;
    keep.add(at);
    stack.push([from, at], [at, to]);
  }
  return [...keep].sort((a, b) => a - b).map((k) => points[k]);
}

/** @param {Point} p @param {Point} a @param {Point} b @returns {[number, Point]} distance and nearest point */
function toEdge(p, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const share = ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy || 1);
  const along = Math.min(Math.max(share, 0), 1);
  const nearest = /** @type {Point} */ ([a[0] + along * dx, a[1] + along * dy]);
  return [Math.hypot(p[0] - nearest[0], p[1] - nearest[1]), nearest];
}

/**
 * The corner at a place of the canvas.
 * @param {Shape} outline
 * @param {Point} place
 * @returns {{ring: number, at: number}|null}
 */
function cornerAt(outline, place) {
  let [least, found] = [NEAR, /** @type {{ring: number, at: number}|null} */ (null)];
  outline.rings.forEach((points, ring) => points.forEach((point, at) => {
    const [x, y] = toScreen(...point);
    const distance = Math.hypot(x - place[0], y - place[1]);
    if (distance < least) [least, found] = [distance, { ring, at }];
  }));
  return found;
}

/** Take the corner at a place of the canvas in hand; on an edge a new one is made.
 * @param {Point} place
 * @returns {boolean} whether there was one
 */
export function grabCorner(place) {
  const outline = shown();
  if (!outline) said("Select an object that has a mask on this frame; then drag its corners.");
  if (!outline || !mayChange()) return false;
  let found = cornerAt(outline, place);
  const before = found ? [...outline.rings[found.ring]] : [];
  for (let ring = 0; ring < outline.rings.length && !found; ring++) {
    const points = outline.rings[ring];
    const at = points.findIndex((point, k) =>
      toEdge(place, toScreen(...point), toScreen(...points[(k + 1) % points.length]))[0] < NEAR / 2);
    if (at < 0) continue;
    before.push(...points);
    points.splice(at + 1, 0, points[at]);
    found = { ring, at: at + 1 };
  }
  held = found && { ...found, shape: outline, before };
  return held !== null;
}

/** Put the corner in hand down. @param {Point} point in video pixels @returns {boolean} whether there was one */
export function putCorner(point) {
  if (!held) return false;
  const { ring, at, shape: outline, before } = held;
  held = null;
  outline.rings[ring][at] = point;
  change(outline, before, outline.rings[ring]);
  return true;
}

/** Take a corner away. @param {Point} place on the canvas @returns {boolean} whether there was one */
export function takeCornerAway(place) {
  const outline = shown();
  const found = outline && cornerAt(outline, place);
  if (!outline || !found || !mayChange()) return false;
  const before = [...outline.rings[found.ring]];
  outline.rings[found.ring].splice(found.at, 1);
  change(outline, before, outline.rings[found.ring]);
  return true;
}

/** Whether a corner is in hand. */
export function holdsCorner() {
  return held !== null;
}

/** Leave the corner in hand where it was. */
export function dropCorner() {
  if (held) held.shape.rings[held.ring] = held.before;
  held = null;
}

/** Store the mask with what lies between two outlines changed.
 * @param {Shape} outline @param {Point[]} before @param {Point[]} after
 */
function change(outline, before, after) {
  const { mask, object, frame, rings } = outline;
  const [old, now] = [before, after].map((ring) => filled(rings.map((each) => (each === after ? ring : each)), mask));
  const pixels = mask.pixels();
  for (let at = 0; at < pixels.length; at++) if (old[at] !== now[at]) pixels[at] = now[at];
  const made = Mask.fromPixels(pixels, mask.height, mask.width);
  if (made.counts === mask.counts) {
    shape = null;
    redraw();
    return;
  }
  // The corners that are shown stay the same ones.
  shape = { object, frame, mask: made, rings };
  void storeMask(object, frame, made);
}

/** @param {Point[][]} rings @param {Mask} mask that has the size @returns {Uint8Array} 1 inside */
function filled(rings, { width, height }) {
  const board = new OffscreenCanvas(width, height);
  const on = /** @type {OffscreenCanvasRenderingContext2D} */ (board.getContext("2d"));
  addRings(on, rings);
  on.fill("evenodd");
  const { data } = on.getImageData(0, 0, width, height);
  return Uint8Array.from({ length: width * height }, (_, at) => (data[4 * at + 3] >= 128 ? 1 : 0));
}

/** @param {CanvasRenderingContext2D|OffscreenCanvasRenderingContext2D} on @param {Point[][]} rings added to its path */
function addRings(on, rings) {
  for (const ring of rings) {
    ring.forEach(([x, y], at) => (at ? on.lineTo(x, y) : on.moveTo(x, y)));
    on.closePath();
  }
}

/** The outline with its corners; the one in hand is at the pointer.
 * @param {CanvasRenderingContext2D} on
 * @param {Point|null} pointer in video pixels
 */
export function drawHandles(on, pointer) {
  const outline = held?.shape ?? shown();
  const one = selected();
  if (!outline || !one) return;
  if (held && pointer) outline.rings[held.ring][held.at] = pointer;
  const rings = outline.rings.map((ring) => ring.map((point) => toScreen(...point)));
  on.beginPath();
  addRings(on, rings);
  strokeTwice(on, colourOf(one));
  on.lineWidth = 1.5;
  on.fillStyle = "#ffffff";
  on.strokeStyle = "#111111";
  for (const [x, y] of rings.flat()) {
    on.fillRect(x - 3.5, y - 3.5, 7, 7);
    on.strokeRect(x - 3.5, y - 3.5, 7, 7);
  }
}
