/** What lies over frame and masks: prompts, the tool, the keyboard's cross. In CSS pixels. */

import { colourOf } from "./colours.js";
import { app, visible } from "./state.js";
import { toScreen, view } from "./view.js";

/** @typedef {(on: CanvasRenderingContext2D) => void} Painter */
/** @type {Painter|null} what the tool shows */
let tool = null;

/** @param {Painter|null} painter */
export function showTool(painter) {
  tool = painter;
}

/** @param {CanvasRenderingContext2D} on */
export function drawOver(on) {
  const video = app.video;
  if (!video || app.compare) return;
  for (const prompt of video.prompts) {
    if (prompt.frame !== app.frame) continue;
    const one = video.objects.find((each) => each.id === prompt.object);
    if (!one || !visible(one)) continue;
    on.globalAlpha = app.selected === null || one.id === app.selected ? 1 : 0.55;
    if (prompt.box) drawBox(on, prompt.box, colourOf(one));
    prompt.points?.forEach((point, at) => drawPoint(on, point, prompt.labels[at], colourOf(one)));
  }
  on.globalAlpha = 1;
  for (const click of app.pending) {
    if (click.frame !== app.frame) continue;
    const one = video.objects.find((each) => each.id === click.object);
    const colour = one ? colourOf(one) : "#ffffff";
    if (click.box) drawBox(on, click.box, colour);
    if (click.point) {
      drawPoint(on, click.point, click.label, colour);
      const [x, y] = toScreen(...click.point);
      ring(on, x, y, 13, "#ffffff");
    }
  }
  tool?.(on);
  if (app.crosshair) drawCross(on, app.crosshair);
}

/**
 * @param {CanvasRenderingContext2D} on
 * @param {import("./types.js").Point} point
 * @param {number} label
 * @param {string} colour
 */
function drawPoint(on, point, label, colour) {
  const [x, y] = toScreen(...point);
  on.beginPath();
  on.arc(x, y, 8, 0, 7);
  on.fillStyle = label ? colour : "#111111";
  on.fill();
  strokeTwice(on, label ? "#ffffff" : colour, 3.5, 2, "rgba(0,0,0,.75)");
  // A sign, so that colour is not all that tells them apart.
  on.beginPath();
  on.moveTo(x - 4, y);
  on.lineTo(x + 4, y);
  if (label) {
    on.moveTo(x, y - 4);
    on.lineTo(x, y + 4);
  }
  strokeTwice(on, "#ffffff", 4, 2, "rgba(0,0,0,.75)");
}

/**
 * The path, wide and dark, then narrow over it: so it shows on any picture.
 * @param {CanvasRenderingContext2D} on
 * @param {string} colour
 * @param {number} wide
 * @param {number} narrow
 */
export function strokeTwice(on, colour, wide = 4, narrow = 2, dark = "rgba(0,0,0,.6)") {
  on.lineWidth = wide;
  on.strokeStyle = dark;
  on.stroke();
  on.lineWidth = narrow;
  on.strokeStyle = colour;
  on.stroke();
}

/**
 * @param {CanvasRenderingContext2D} on
 * @param {[number, number, number, number]} box
 * @param {string} colour
 */
export function drawBox(on, box, colour) {
  const [x0, y0] = toScreen(box[0], box[1]);
  const [x1, y1] = toScreen(box[2], box[3]);
  on.lineWidth = 4;
  on.strokeStyle = "rgba(0,0,0,.6)";
  on.strokeRect(x0, y0, x1 - x0, y1 - y0);
  on.lineWidth = 2;
  on.strokeStyle = colour;
  on.setLineDash([6, 4]);
  on.strokeRect(x0, y0, x1 - x0, y1 - y0);
  on.setLineDash([]);
}

/**
 * A circle that shows on any picture.
 * @param {CanvasRenderingContext2D} on
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {string} colour
 */
export function ring(on, x, y, radius, colour) {
  on.beginPath();
  on.arc(x, y, Math.max(radius, 1), 0, 7);
  strokeTwice(on, colour, 3, 1.5);
}

/** @param {CanvasRenderingContext2D} on @param {import("./types.js").Point} point */
function drawCross(on, point) {
  const [x, y] = toScreen(...point).map(Math.round);
  on.beginPath();
  on.moveTo(0, y + 0.5);
  on.lineTo(x - 6, y + 0.5);
  on.moveTo(x + 7, y + 0.5);
  on.lineTo(view.width, y + 0.5);
  on.moveTo(x + 0.5, 0);
  on.lineTo(x + 0.5, y - 6);
  on.moveTo(x + 0.5, y + 7);
  on.lineTo(x + 0.5, view.height);
  strokeTwice(on, "#ffffff", 3, 1);
  ring(on, x + 0.5, y + 0.5, 6, "#ffffff");
}
