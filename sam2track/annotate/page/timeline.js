/** The timeline: a ruler and a lane for each object. Only what is seen is drawn. */

import { colourOf } from "./colours.js";
import { byId, canvasById, onFrame, themeColour } from "./dom.js";
import { drawLock, drawSpan, firstAfter, wasTracked, withoutClicked } from "./lanes.js";
import { seek } from "./playback.js";
import { cancelPicking, drawRange, picksRange, placeRange, setRange, startRanges } from "./ranges.js";
import { app, title, watch } from "./state.js";
import { hideTip, showTip } from "./timeline_tip.js";
import { select } from "./tools.js";

const RULER = 26;
const LANE = 20;
const canvas = canvasById("timeline");
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
const ruler = byId("ruler");

const shown = { first: 0, scale: 1, top: 0, width: 1, height: 1, whole: true };
/** @type {{kind: "seek"|"range", from: number}|null} */
let drag = null;
let theme = { text: "#fff", back: "#222", weak: "#888", line: "#444", accent: "#58f", gutter: "#2a2a2a" };

function gutter() {
  return shown.width < 600 ? 84 : 128;
}

/** Show all frames. */
export function showWhole() {
  const length = app.video?.length ?? 1;
  shown.first = 0;
  shown.scale = (shown.width - gutter() - 8) / Math.max(length, 1);
  shown.whole = true;
  draw();
}

/** @param {number} factor @param {number} [frame] that stays where it is */
export function zoomTimeline(factor, frame = app.frame) {
  const length = app.video?.length ?? 1;
  const least = (shown.width - gutter() - 8) / Math.max(length, 1);
  const scale = Math.min(Math.max(shown.scale * factor, least), Math.max(40, 2 * least));
  const x = (frame - shown.first) * shown.scale;
  shown.scale = scale;
  shown.whole = scale === least;
  shown.first = frame - x / scale;
  limit();
  draw();
}

function limit() {
  const length = app.video?.length ?? 1;
  const seen = (shown.width - gutter() - 8) / shown.scale;
  shown.first = Math.max(0, Math.min(shown.first, length - seen));
  const lanes = (app.video?.objects.length ?? 0) * LANE;
  shown.top = Math.max(0, Math.min(shown.top, lanes - (shown.height - RULER - 4)));
}

/** @param {number} frame */
function xOf(frame) {
  return gutter() + (frame - shown.first) * shown.scale;
}

/** @param {number} x */
function frameAt(x) {
  const frame = Math.floor((x - gutter()) / shown.scale + shown.first);
  return Math.min(Math.max(frame, 0), (app.video?.length ?? 1) - 1);
}

const draw = onFrame(() => {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(shown.width * ratio), Math.round(shown.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const on = context;
  on.setTransform(ratio, 0, 0, ratio, 0, 0);
  on.clearRect(0, 0, shown.width, shown.height);
  placeRange(xOf, gutter(), shown.width);
  if (!app.video) return;
  drawRange(on, xOf, shown.height, theme.accent);
  drawLanes(on);
  drawRuler(on);
  drawHead(on);
});

/** @param {CanvasRenderingContext2D} on */
function drawLanes(on) {
  const things = app.video?.objects ?? [];
  const left = gutter();
  const first = Math.floor(shown.top / LANE);
  const last = Math.min(things.length, Math.ceil((shown.top + shown.height - RULER) / LANE));
  on.save();
  on.beginPath();
  on.rect(0, RULER, shown.width, shown.height - RULER);
  on.clip();
  for (let at = first; at < last; at++) {
    const one = things[at];
    const y = RULER + at * LANE + LANE / 2 - shown.top;
    if (one.id === app.selected) {
      on.fillStyle = theme.gutter;
      on.fillRect(0, y - LANE / 2, shown.width, LANE);
    }
    on.fillStyle = theme.line;
    on.fillRect(left, y + LANE / 2 - 1, shown.width - left, 1);
    on.save();
    on.beginPath();
    const edge = shown.first > 0 ? left : left - 6; // room for the mark of frame 0
    on.rect(edge, y - LANE / 2, shown.width - edge, LANE);
    on.clip();
    drawLane(on, one, y);
    on.restore();
    drawName(on, one, y, left);
  }
  on.restore();
  if (things.length * LANE > shown.height - RULER) drawScroll(on, things.length * LANE);
}

/** @param {CanvasRenderingContext2D} on @param {import("./types.js").Thing} one @param {number} y */
function drawLane(on, one, y) {
  const spans = app.lanes.get(one.id) ?? [];
  const colour = colourOf(one);
  const stop = frameAt(shown.width) + 1;
  let at = firstAfter(spans, shown.first);
  // Marks of single frames over the rest.
  const marks = [];
  for (; at < spans.length && spans[at].start < stop; at++) {
    const { start, stop: end, kind } = spans[at];
    if (kind === "prompted" || kind === "brush") marks.push(spans[at]);
    else drawSpan(on, kind, xOf(start), xOf(end), y, colour, theme);
  }
  for (const { start, stop: end, kind } of app.over.get(one.id) ?? []) {
    if (kind !== "stale") drawSpan(on, kind, xOf(start), xOf(end), y, colour, theme);
  }
  for (const { start, stop: end, kind } of marks) {
    drawSpan(on, kind, xOf(start), xOf(end), y, colour, theme);
  }
  if (app.tracking) return;
  for (const span of app.stale) {
    if (span.object !== one.id || app.staleLeft || !wasTracked(spans)) continue;
    const { start, stop: end } = withoutClicked(span, spans);
    if (start < end) drawSpan(on, "stale", xOf(start), xOf(end), y, theme.accent, theme);
  }
}

/**
 * @param {CanvasRenderingContext2D} on @param {import("./types.js").Thing} one
 * @param {number} y @param {number} left
 */
function drawName(on, one, y, left) {
  on.fillStyle = colourOf(one);
  on.fillRect(8, y - 5, 10, 10);
  on.strokeStyle = theme.weak;
  on.lineWidth = 1;
  on.strokeRect(8.5, y - 4.5, 9, 9);
  on.fillStyle = one.id === app.selected ? theme.text : theme.weak;
  on.font = `${one.id === app.selected ? 600 : 400} 12px system-ui, sans-serif`;
  const indent = one.locked ? 40 : 24;
  if (one.locked) drawLock(on, 30, y, theme.weak, null);
  on.fillText(title(one), indent, y + 4, left - indent - 6);
}

/** @param {CanvasRenderingContext2D} on @param {number} whole */
function drawScroll(on, whole) {
  const room = shown.height - RULER;
  on.fillStyle = theme.weak;
  on.globalAlpha = 0.6;
  on.fillRect(shown.width - 5, RULER + (shown.top / whole) * room, 4, (room / whole) * room);
  on.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} on */
function drawRuler(on) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];
  const step = steps.find((one) => one * shown.scale >= 64) ?? 50000;
  on.fillStyle = theme.back;
  on.fillRect(0, 0, shown.width, RULER);
  drawRange(on, xOf, RULER, theme.accent);
  on.fillStyle = theme.line;
  on.fillRect(0, RULER - 1, shown.width, 1);
  on.font = "11px system-ui, sans-serif";
  const stop = Math.min(app.video?.length ?? 0, frameAt(shown.width) + 1);
  for (let frame = Math.ceil(shown.first / step) * step; frame < stop; frame += step) {
    on.fillStyle = theme.weak;
    on.fillRect(xOf(frame), RULER - 7, 1, 6);
    on.fillText(frame.toLocaleString("en"), xOf(frame) + 3, RULER - 10);
  }
}

/** @param {CanvasRenderingContext2D} on */
function drawHead(on) {
  const x0 = xOf(app.frame);
  if (x0 < gutter() - 2) return;
  const width = Math.max(shown.scale, 2);
  on.fillStyle = theme.accent;
  on.globalAlpha = 0.35;
  on.fillRect(x0, RULER, width, shown.height - RULER);
  on.globalAlpha = 1;
  const x = x0 + width / 2;
  on.fillRect(x - 1, 12, 2, shown.height);
  on.beginPath();
  on.moveTo(x - 6, 4);
  on.lineTo(x + 6, 4);
  on.lineTo(x, 16);
  on.fill();
}

/** @param {PointerEvent|MouseEvent} event */
function place(event) {
  const box = canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

/** @param {number} y @returns {import("./types.js").Thing|null} the object of a lane */
function laneAt(y) {
  if (y < RULER) return null;
  return app.video?.objects[Math.floor((y - RULER + shown.top) / LANE)] ?? null;
}

function listenPointer() {
  canvas.addEventListener("pointerdown", (event) => {
    if (!app.video) return;
    const { x, y } = place(event);
    canvas.setPointerCapture(event.pointerId);
    const one = laneAt(y);
    if (one && one.id !== app.selected) select(one.id);
    if (one && x < gutter()) return;
    const frame = frameAt(x);
    const range = picksRange(event);
    drag = { kind: range ? "range" : "seek", from: frame };
    cancelPicking();
    if (range) setRange([frame, frame + 1]);
    else seek(frame);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!app.video) return;
    const { x, y } = place(event);
    if (!drag) tell(x, y);
    else if (drag.kind === "seek") seek(frameAt(x));
    else setRange([Math.min(drag.from, frameAt(x)), Math.max(drag.from, frameAt(x)) + 1]);
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (drag = null));
  canvas.addEventListener("pointerleave", () => hideTip());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = place(event);
    const high = (app.video?.objects.length ?? 0) * LANE > shown.height - RULER;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      shown.first += (event.deltaX || event.deltaY) / shown.scale;
    } else if (high && y > RULER && !event.ctrlKey) shown.top += event.deltaY;
    else zoomTimeline(Math.exp(-event.deltaY / 300), frameAt(x));
    limit();
    draw();
  }, { passive: false });
}

/** Say what lies under the pointer. @param {number} x @param {number} y */
function tell(x, y) {
  if (x < gutter()) hideTip();
  else showTip(frameAt(x), laneAt(y), x, shown.width);
}

/** Begin to draw and to listen. */
export function startTimeline() {
  const box = /** @type {HTMLElement} */ (canvas.parentElement);
  new ResizeObserver(() => {
    shown.width = box.clientWidth;
    shown.height = box.clientHeight;
    if (shown.whole) showWhole();
    limit();
    draw();
  }).observe(box);
  listenPointer();
  startRanges();
  const colours = () => {
    theme = {
      text: themeColour("text"), back: themeColour("panel"), weak: themeColour("weak"), line: themeColour("line"),
      accent: themeColour("accent"), gutter: themeColour("raised"),
    };
    draw();
  };
  colours();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", colours);
  watch("settings", colours);
  watch("video", showWhole);
  watch("selection", () => {
    const at = app.video?.objects.findIndex((one) => one.id === app.selected) ?? -1;
    if (at < 0) return;
    const room = shown.height - RULER - LANE;
    shown.top = Math.min(Math.max(shown.top, at * LANE - room), at * LANE);
    limit();
  });
  watch("lanes objects selection range stale tracking", draw);
  watch("frame video", () => {
    const x = xOf(app.frame);
    if (!drag && (x < gutter() || x > shown.width - 12)) {
      shown.first = app.frame - (shown.width - gutter()) / shown.scale / 3;
      limit();
    }
    draw();
    ruler.setAttribute("aria-valuemax", String((app.video?.length ?? 1) - 1));
    ruler.setAttribute("aria-valuenow", String(app.frame));
    ruler.setAttribute("aria-valuetext", `frame ${app.frame}`);
  });
}
