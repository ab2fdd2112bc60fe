/**
 * Draws the frame, the masks, the prompts and what the tool shows. While the picture is moved, a
 * copy of frame and masks with a margin is moved instead of drawing them again.
 */

import { colourOf } from "./colours.js";
import { canvasById, onFrame, themeColour } from "./dom.js";
import { currentPicture, showAtWidth } from "./frames.js";
import { Mask } from "./masks.js";
import { maskBefore, masksOf } from "./maskstore.js";
import { drawOver } from "./overlay.js";
import { app, visible, watch } from "./state.js";
import { fit, resized, view } from "./view.js";

const MARGIN = 320;
const canvas = canvasById("canvas");
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
const copy = document.createElement("canvas");
const copyContext = /** @type {CanvasRenderingContext2D} */ (copy.getContext("2d", { alpha: false }));
const layer = document.createElement("canvas");

/** @type {{scale: number, x: number, y: number}|null} the view that the copy shows */
let copied = null;
let moving = false;
let background = "#202225";

/**
 * A change of a mask that is being drawn: its pixels are set or taken away.
 * @type {{object: number, add: boolean, stroke: HTMLCanvasElement}|null}
 */
let live = null;

/** @param {{object: number, add: boolean, stroke: HTMLCanvasElement}|null} change */
export function showLive(change) {
  live = change;
  redraw();
}

/** @param {boolean} now whether the picture is being moved */
export function setMoving(now) {
  moving = now;
  if (!now) copied = null;
  redraw();
}

/** Frame or masks are to be drawn anew. */
export const redraw = (() => {
  const ask = onFrame(draw);
  return () => {
    copied = null;
    ask();
  };
})();
/** Only what lies over frame and masks is to be drawn anew. */
export const redrawOver = onFrame(draw);

function draw() {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  if (app.video) showAtWidth(app.video.width * view.scale * ratio);
  if (moving && !app.compare) drawCopy(ratio, width, height);
  else {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = background;
    context.fillRect(0, 0, width, height);
    if (app.compare) drawBoth(ratio);
    else drawScene(context, ratio, view.x, view.y, false);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawOver(context);
}

/** @param {number} ratio @param {number} width @param {number} height */
function drawCopy(ratio, width, height) {
  const margin = MARGIN * ratio;
  const moved = copied && [(view.x - copied.x) * ratio, (view.y - copied.y) * ratio];
  if (!copied || copied.scale !== view.scale || !moved || Math.max(...moved.map(Math.abs)) > margin) {
    if (copy.width !== width + 2 * margin || copy.height !== height + 2 * margin) {
      copy.width = width + 2 * margin;
      copy.height = height + 2 * margin;
    }
    copyContext.setTransform(1, 0, 0, 1, 0, 0);
    copyContext.fillStyle = background;
    copyContext.fillRect(0, 0, copy.width, copy.height);
    drawScene(copyContext, ratio, view.x + MARGIN, view.y + MARGIN, false);
    copied = { scale: view.scale, x: view.x, y: view.y };
  }
  context.setTransform(1, 0, 0, 1, 0, 0);
  const [dx, dy] = [(view.x - copied.x) * ratio, (view.y - copied.y) * ratio];
  context.drawImage(copy, Math.round(dx - margin), Math.round(dy - margin));
}

/** Before on the left, now on the right. @param {number} ratio */
function drawBoth(ratio) {
  const half = view.width / 2;
  for (const side of [0, 1]) {
    context.save();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.beginPath();
    context.rect(side * half, 0, half - 1, view.height);
    context.clip();
    drawScene(context, ratio, view.x + (side ? half / 2 : -half / 2), view.y, side === 0);
    context.restore();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = "600 13px system-ui, sans-serif";
    const text = side ? "now" : "before";
    context.fillStyle = "rgba(0,0,0,.75)";
    context.fillRect(side * half + 8, 8, context.measureText(text).width + 16, 24);
    context.fillStyle = "#fff";
    context.fillText(text, side * half + 16, 25);
  }
}

/**
 * @param {CanvasRenderingContext2D} on
 * @param {number} ratio
 * @param {number} x
 * @param {number} y of the frame's corner
 * @param {boolean} old masks before the last change
 */
function drawScene(on, ratio, x, y, old) {
  const video = app.video;
  if (!video) return;
  const scale = view.scale * ratio;
  on.setTransform(scale, 0, 0, scale, x * ratio, y * ratio);
  const picture = currentPicture();
  on.imageSmoothingEnabled = scale < 3;
  if (picture) on.drawImage(picture.bitmap, 0, 0, video.width, video.height);
  else {
    on.fillStyle = "#3a3d42";
    on.fillRect(0, 0, video.width, video.height);
  }
  const shown = masksOf(app.frame);
  // The selected object last, so that it is on top.
  const things = video.objects.filter(visible);
  things.sort((a, b) => Number(a.id === app.selected) - Number(b.id === app.selected));
  const colours = new Map(things.map((one) => [one.id, colourOf(one)]));
  for (const one of things) {
    const mask = old ? maskBefore(one.id, app.frame) : shown.get(one.id)?.mask;
    const colour = /** @type {string} */ (colours.get(one.id));
    const strong = app.selected === null || one.id === app.selected;
    if (live?.object === one.id) drawLive(on, mask ?? null, colour);
    else if (mask?.box) drawMask(on, mask, colour, scale / ratio, strong ? 1 : 0.75);
  }
  if (live && !colours.has(live.object)) drawLive(on, null, "#ffffff");
  // Of a click that is not stored yet it is the mask already.
  const strength = app.pending.length ? 1 : 0.45;
  if (app.hover && !old) drawMask(on, Mask.of(app.hover), hoverColour(), scale / ratio, strength);
}

function hoverColour() {
  const one = app.video?.objects.find((each) => each.id === app.selected);
  return one ? colourOf(one) : "#ffffff";
}

/**
 * @param {CanvasRenderingContext2D} on
 * @param {Mask} mask
 * @param {string} colour
 * @param {number} scale CSS pixels of a video pixel
 * @param {number} strength 0..1
 */
function drawMask(on, mask, colour, scale, strength) {
  if (app.opacity > 0) {
    on.globalAlpha = app.opacity * strength;
    on.fillStyle = colour;
    on.fill(mask.path, "evenodd");
  }
  if (app.outlines) {
    on.globalAlpha = strength;
    on.lineJoin = "round";
    on.strokeStyle = "rgba(0,0,0,.65)";
    on.lineWidth = 4 / scale;
    on.stroke(mask.path);
    on.strokeStyle = colour;
    on.lineWidth = 2 / scale;
    on.stroke(mask.path);
  }
  on.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} on @param {Mask|null} mask @param {string} colour */
function drawLive(on, mask, colour) {
  const video = app.video;
  if (!live || !video) return;
  layer.width = video.width;
  layer.height = video.height;
  const painter = /** @type {CanvasRenderingContext2D} */ (layer.getContext("2d"));
  painter.fillStyle = colour;
  if (mask) painter.fill(mask.path, "evenodd");
  if (live.add) {
    painter.drawImage(live.stroke, 0, 0);
    painter.globalCompositeOperation = "source-in";
    painter.fillRect(0, 0, video.width, video.height);
  } else {
    painter.globalCompositeOperation = "destination-out";
    painter.drawImage(live.stroke, 0, 0);
  }
  on.globalAlpha = Math.max(app.opacity, 0.35);
  on.drawImage(layer, 0, 0);
  on.globalAlpha = 1;
}

/** Begin to draw. */
export function startCanvas() {
  const box = /** @type {HTMLElement} */ (canvas.parentElement);
  new ResizeObserver(() => {
    resized(box.clientWidth, box.clientHeight);
    redraw();
  }).observe(box);
  const theme = () => {
    background = themeColour("stage");
    redraw();
  };
  theme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
  watch("settings", theme);
  watch("video frame picture masks objects selection prompts", redraw);
  watch("view", () => (moving ? redrawOver() : redraw()));
  watch("tool", redrawOver);
  watch("video", fit);
}
