/** The tools, and the pointer on the canvas: mouse, pen, touch and trackpad. */

import { redrawOver, setMoving } from "./canvas.js";
import { colourOf } from "./colours.js";
import { drawHandles, grabCorner, putCorner, takeCornerAway } from "./corners.js";
import { canvasById, later, remember } from "./dom.js";
import { masksOf } from "./maskstore.js";
import { drawBox, ring, showTool } from "./overlay.js";
import { addBox, addClick, endHover, hover } from "./prompting.js";
import { announce, app, selected, visible, watch } from "./state.js";
import {
  addCorner, beginStroke, cancelDrawing, drawCorners, endStroke, moveStroke,
} from "./strokes.js";
import { pan, toScreen, toVideo, view, zoomAt } from "./view.js";

/** @typedef {import("./types.js").Point} Point */

export const TOOLS = [
  { id: "select", name: "Select", about: "Select an object by its mask; drag to move the picture" },
  { id: "point", name: "Point", about: "Click on the object; Shift-click or right-click: not this" },
  { id: "box", name: "Box", about: "Drag a box around the object" },
  { id: "brush", name: "Brush", about: "Paint on the mask; Alt+wheel: size" },
  { id: "eraser", name: "Eraser", about: "Take parts of the mask away" },
  { id: "polygon", name: "Polygon +", about: "Click corners, Enter closes; adds to the mask" },
  { id: "polygon-minus", name: "Polygon −", about: "Click corners, Enter closes; takes away" },
  { id: "corners", name: "Corners", about: "Drag the corners of the mask's outline; Shift-click takes one away" },
];

const canvas = canvasById("canvas");
/** @type {Point|null} where the pointer is, on the canvas */
let pointer = null;
/** @typedef {"pan"|"box"|"stroke"|"corner"|"click"} DragKind */
/** @type {{kind: DragKind, start: Point, moved: boolean, negative: boolean}|null} */
let drag = null;
/** @type {Map<number, Point>} */
const touches = new Map();
let pinch = false;

/** @param {string} tool */
export function setTool(tool) {
  if (tool !== app.tool) cancelDrawing();
  app.tool = tool;
  endHover();
  announce("tool");
}

/** @param {number} size in video pixels */
export function setBrushSize(size) {
  app.brushSize = Math.min(Math.max(Math.round(size), 1), 400);
  remember("brush", app.brushSize);
  announce("tool");
}

/** @param {PointerEvent|WheelEvent} event @returns {Point} */
function place(event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** @param {Point} point @returns {Point} in video pixels, inside the frame, rounded to a tenth */
function inFrame(point) {
  const video = app.video;
  const [x, y] = toVideo(...point);
  if (!video) return [0, 0];
  const within = (/** @type {number} */ value, /** @type {number} */ size) =>
    Math.round(Math.min(Math.max(value, 0), size - 1) * 10) / 10;
  return [within(x, video.width), within(y, video.height)];
}

/** @param {Point} point on the canvas @returns {boolean} */
function onFrame(point) {
  const video = app.video;
  const [x, y] = toVideo(...point);
  return Boolean(video && x >= 0 && y >= 0 && x < video.width && y < video.height);
}

/** @param {Point} point in video pixels @returns {number|null} the object there */
function objectAt(point) {
  let found = null;
  for (const one of app.video?.objects ?? []) {
    if (visible(one) && masksOf(app.frame).get(one.id)?.mask.contains(...point)) found = one.id;
  }
  return found;
}

/** @param {PointerEvent} event */
function down(event) {
  canvas.focus({ preventScroll: true });
  if (!app.video || app.compare) return;
  canvas.setPointerCapture(event.pointerId);
  const start = place(event);
  pointer = start;
  if (event.pointerType === "touch") {
    touches.set(event.pointerId, start);
    if (touches.size > 1) {
      // A second finger: what the first one began was no click.
      cancelDrawing();
      drag = null;
      pinch = true;
      setMoving(true);
      return;
    }
    pinch = false;
  }
  app.crosshair = null;
  const negative = event.shiftKey || event.button === 2 || app.negative;
  /** @type {DragKind} */
  let kind = "click";
  if (event.button === 1 || (app.tool === "select" && event.button === 0)) kind = "pan";
  else if (app.tool === "box") kind = "box";
  else if (app.tool === "brush" || app.tool === "eraser") kind = "stroke";
  else if (app.tool === "corners") kind = atCorner(start, negative);
  drag = { kind, start, moved: false, negative };
  // The mask that hovering showed stays until the click's own is there.
  if (app.tool !== "point" || kind !== "click") endHover();
  else if (onFrame(start)) hover(inFrame(start), negative); // the model begins before the button is up
  if (kind === "pan") setMoving(true);
  if (kind === "stroke") beginStroke(inFrame(start), (app.tool === "brush") !== negative);
}

/** @param {PointerEvent} event */
function move(event) {
  const now = place(event);
  if (pinch && touches.has(event.pointerId)) {
    pinched(event.pointerId, now);
    return;
  }
  const last = pointer ?? now;
  pointer = now;
  if (!drag) {
    endHover();
    if (app.tool === "point" && event.pointerType !== "touch") {
      negativeHover = event.shiftKey || app.negative;
      rest();
    }
    redrawOver();
    return;
  }
  if (Math.hypot(now[0] - drag.start[0], now[1] - drag.start[1]) > 4) drag.moved = true;
  if (drag.kind === "pan" && drag.moved) pan(now[0] - last[0], now[1] - last[1]);
  if (drag.kind === "stroke") {
    for (const each of event.getCoalescedEvents?.() ?? [event]) moveStroke(inFrame(place(each)));
  }
  redrawOver();
}

/** @param {number} id @param {Point} now */
function pinched(id, now) {
  const others = [...touches].filter(([key]) => key !== id).map(([, point]) => point);
  const before = touches.get(id);
  touches.set(id, now);
  const other = others[0];
  if (!before || !other) return;
  const size = (/** @type {Point} */ a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
  pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  if (size(before) > 10) {
    zoomAt(size(now) / size(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }
}

/** @param {PointerEvent} event */
function up(event) {
  touches.delete(event.pointerId);
  if (pinch) {
    if (!touches.size) {
      pinch = false;
      setMoving(false);
    }
    return;
  }
  const done = drag;
  drag = null;
  if (!done) return;
  const now = place(event);
  if (done.kind === "pan") {
    setMoving(false);
    if (!done.moved && event.button === 0 && !done.negative) select(objectAt(inFrame(now)));
  } else if (done.kind === "stroke") endStroke();
  else if (done.kind === "corner") putCorner(inFrame(now));
  else if (done.kind === "box") finishBox(inFrame(done.start), inFrame(now));
  else if (app.tool !== "corners" && onFrame(done.start) && !(event.pointerType === "touch" && done.moved)) {
    use(inFrame(done.start), done.negative);
  }
  redrawOver();
}

/** Take a corner in hand, or away; beside them the picture is moved. @param {Point} at @param {boolean} away
 * @returns {DragKind}
 */
function atCorner(at, away) {
  if (away) return takeCornerAway(at) ? "click" : "pan";
  return grabCorner(at) ? "corner" : "pan";
}

/** @param {Point} a @param {Point} b */
function finishBox(a, b) {
  if (Math.abs(a[0] - b[0]) < 3 || Math.abs(a[1] - b[1]) < 3) return;
  const [x0, x1] = [Math.min(a[0], b[0]), Math.max(a[0], b[0])];
  addBox([x0, Math.min(a[1], b[1]), x1, Math.max(a[1], b[1])]);
}

/** @param {number|null} id */
export function select(id) {
  app.selected = id;
  if (app.candidates?.object !== id) app.candidates = null;
  announce("selection");
}

/** @type {Point|null} the first corner of a box that is made by keyboard */
let corner = null;

/**
 * Use the tool at a place, as a click does; also by keyboard, where a box needs two clicks.
 * @param {Point} point in video pixels
 * @param {boolean} negative
 */
export function use(point, negative) {
  const plus = app.tool !== "polygon-minus" && app.tool !== "eraser";
  if (app.tool === "point") addClick(point, negative);
  else if (app.tool === "select") select(objectAt(point));
  else if (app.tool.startsWith("polygon")) addCorner(point, plus !== negative);
  else if (app.tool === "corners") {
    const at = toScreen(...point);
    if (negative) takeCornerAway(at);
    else if (!putCorner(point)) grabCorner(at);
  } else if (app.tool === "box") {
    if (corner) finishBox(corner, point);
    corner = corner ? null : point;
  } else {
    beginStroke(point, plus !== negative);
    endStroke();
  }
}

let negativeHover = false;
const rest = later(() => {
  if (pointer && !drag && app.tool === "point" && onFrame(pointer)) {
    hover(inFrame(pointer), negativeHover);
  }
}, 25);

/** @param {WheelEvent} event */
function wheel(event) {
  event.preventDefault();
  const [x, y] = place(event);
  const lines = event.deltaMode ? 16 : 1;
  const [dx, dy] = [event.deltaX * lines, event.deltaY * lines];
  // Two fingers on a trackpad give small steps in both directions; a wheel gives large, even ones.
  const trackpad = !event.ctrlKey && !event.deltaMode && (dx !== 0 || Math.abs(dy) < 50);
  if (event.altKey) setBrushSize(app.brushSize * Math.exp(-(dy || dx) / 400));
  else if (trackpad) pan(-dx, -dy);
  else zoomAt(Math.exp(-dy / (event.ctrlKey ? 120 : 400)), x, y);
}

/** What the tool shows. @param {CanvasRenderingContext2D} on */
function paint(on) {
  const one = selected();
  const colour = one ? colourOf(one) : "#ffffff";
  if (drag?.kind === "box" && pointer) {
    drawBox(on, [...inFrame(drag.start), ...inFrame(pointer)], colour);
  }
  if (corner && app.crosshair) drawBox(on, [...corner, ...app.crosshair], colour);
  const drawn = app.tool === "brush" || app.tool === "eraser";
  const at = app.crosshair ? toScreen(...app.crosshair) : pointer;
  if (drawn && at) ring(on, at[0], at[1], (app.brushSize * view.scale) / 2, colour);
  const place = app.crosshair ?? (pointer && inFrame(pointer));
  if (app.tool.startsWith("polygon")) drawCorners(on, place);
  if (app.tool === "corners") drawHandles(on, place);
}

/** Begin to listen. */
export function startTools() {
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", (event) => {
    touches.delete(event.pointerId);
    pinch = false;
    drag = null;
    cancelDrawing();
    setMoving(false);
  });
  canvas.addEventListener("pointerleave", () => {
    if (drag) return;
    pointer = null;
    endHover();
    redrawOver();
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", wheel, { passive: false });
  showTool(paint);
  const cursor = () => {
    canvas.dataset.tool = app.negative && app.tool === "point" ? "negative" : app.tool;
  };
  watch("tool settings", cursor);
  cursor();
}
