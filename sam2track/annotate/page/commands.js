/** Every command of the page with its keys; menus, the keyboard and the help are made of this list. */

import { clearRange, mergeObjects, notHere, splitObject, swapObjects } from "./joining.js";
import { fillHoles, removeIslands } from "./masks.js";
import { said, step } from "./opening.js";
import { changeSize, toggle, togglePanel, toggleTheme } from "./panels.js";
import { jump, seek, togglePlay } from "./playback.js";
import { chooseCandidate, editMask, newObject, removeLast } from "./prompting.js";
import { chooseClass } from "./classes.js";
import { hide, lock, neighbour, removeObject } from "./objects.js";
import { acceptHere, nextVideo, rejectHere, toggleReview } from "./review.js";
import { announce, app, selected } from "./state.js";
import { cancelDrawing, closePolygon, drawing, undoCorner, undoStroke } from "./strokes.js";
import { cancelPicking, setRange } from "./ranges.js";
import { showWhole, zoomTimeline } from "./timeline.js";
import { select, setBrushSize, setTool, use } from "./tools.js";
import { cancelTracking, leaveStale, retrack, track, trackRange } from "./tracking.js";
import { fit, pan, view, zoomAt } from "./view.js";
import { showExport } from "./exporting.js";
import { showHelp } from "./help.js";
import { showVideos } from "./videos.js";

/**
 * @typedef {Object} Command
 * @property {string} id
 * @property {string} group
 * @property {string} name
 * @property {string[]} keys such as "Ctrl+Shift+Z"; those of the reader may differ (keys.js)
 * @property {() => unknown} run answers false if there was nothing to do, and the key goes on
 */

/**
 * @param {string} group
 * @param {...[string, string, string, () => unknown]} rows id, name, keys separated by spaces
 * @returns {Command[]}
 */
function commands(group, ...rows) {
  return rows.map(([id, name, keys, run]) => ({ id, group, name, keys: keys.split(" ").filter(Boolean), run }));
}

/** @param {(one: import("./types.js").Thing) => unknown} work with the selected object */
function withObject(work) {
  const one = selected();
  if (one) return work(one);
  said("Select an object first.");
  return undefined;
}

function prompted() {
  const prompts = app.video?.prompts ?? [];
  return prompts.filter((one) => app.selected === null || one.object === app.selected).map((one) => one.frame);
}

/** @param {number} direction */
function jumpDoubtful(direction) {
  const here = app.review.filter((item) => item.video === app.video?.id);
  const frames = here.filter((item) => app.selected === null || item.object === app.selected)
    .map((item) => item.frame ?? 0);
  if (!jump(frames, direction)) said("Nothing further on deserves a look.");
}

/** Stop or leave whatever is going on, the innermost first. */
function escape() {
  if (drawing()) cancelDrawing();
  else if (cancelTracking() || cancelPicking() || leaveStale()) return;
  else if (app.compare) toggle("compare");
  else if (app.crosshair) app.crosshair = null;
  else if (app.candidates) app.candidates = null;
  else if (app.range) setRange(null);
  else select(null);
  announce("prompts", "tool");
}

/** @param {number} dx @param {number} dy in steps of the keyboard's cross */
function moveCross(dx, dy) {
  const video = app.video;
  if (!video) return;
  const size = Math.max(1, Math.round(8 / view.scale));
  const [x, y] = app.crosshair ?? [Math.round(video.width / 2), Math.round(video.height / 2)];
  const within = (/** @type {number} */ value, /** @type {number} */ most) => Math.min(Math.max(value, 0), most - 1);
  app.crosshair = [within(x + dx * size, video.width), within(y + dy * size, video.height)];
  announce("tool");
}

/** @param {boolean} negative */
function clickCross(negative) {
  if (app.crosshair) use(app.crosshair, negative);
  else moveCross(0, 0);
}

/** @param {number} end 0 = the range begins here, 1 = it ends here */
function rangeHere(end) {
  const [start, stop] = app.range ?? [app.frame, app.frame + 1];
  if (end) setRange([Math.min(start, app.frame), app.frame + 1]);
  else setRange([app.frame, Math.max(stop, app.frame + 1)]);
}

function undo() {
  if (!undoStroke() && !undoCorner()) void step("undo");
}

function tab() {
  if (app.candidates?.frame !== app.frame || document.activeElement?.id !== "canvas") return false;
  chooseCandidate(app.candidates.chosen + 1);
  return true;
}

/** @param {number} at */
function digit(at) {
  const things = app.video?.objects ?? [];
  const one = things.find((each) => each.number === at);
  if (one) select(one.id);
  else said(`There is no object ${at}.`);
}

/** @param {"point"} tool @param {boolean} negative */
function pointTool(tool, negative) {
  app.negative = negative;
  setTool(tool);
}

/** @type {Command[]} */
export const COMMANDS = [
  ...commands("Frames",
    ["next", "Next frame", "F Right", () => seek(app.frame + 1)],
    ["previous", "Previous frame", "D Left", () => seek(app.frame - 1)],
    ["next-ten", "Ten frames on", "Shift+F Shift+Right", () => seek(app.frame + 10)],
    ["previous-ten", "Ten frames back", "Shift+D Shift+Left", () => seek(app.frame - 10)],
    ["next-prompt", "Next clicked frame", ".", () => void jump(prompted(), 1)],
    ["previous-prompt", "Previous clicked frame", ",", () => void jump(prompted(), -1)],
    ["first", "First frame", "Home", () => seek(0)],
    ["last", "Last frame", "End", () => seek((app.video?.length ?? 1) - 1)],
    ["play", "Play or stop", "Space", togglePlay],
    ["doubtful", "Next frame that deserves a look", "J", () => jumpDoubtful(1)],
    ["doubtful-back", "Previous frame that deserves a look", "Shift+J", () => jumpDoubtful(-1)],
    ["go", "Go to a frame by its number", "`", () => document.getElementById("frame-number")?.focus()],
  ),
  ...commands("Tools",
    ["select", "Select", "V", () => setTool("select")],
    ["point", "Point: this belongs to it", "P", () => pointTool("point", false)],
    ["point-negative", "Point: this does not belong to it", "E", () => pointTool("point", !app.negative)],
    ["box", "Box", "B", () => setTool("box")],
    ["brush", "Brush", "Shift+1", () => setTool("brush")],
    ["eraser", "Eraser", "Shift+2", () => setTool("eraser")],
    ["polygon", "Polygon that adds", "G Shift+3", () => setTool("polygon")],
    ["polygon-minus", "Polygon that takes away", "Shift+4", () => setTool("polygon-minus")],
    ["corners", "Corners of the mask's outline", "Shift+5", () => setTool("corners")],
    ["larger", "Larger brush", "=", () => setBrushSize(app.brushSize * 1.25 + 1)],
    ["smaller", "Smaller brush", "-", () => setBrushSize(app.brushSize / 1.25)],
    ["holes", "Fill the holes of the mask", "Shift+O", () => editMask(fillHoles)],
    ["islands", "Remove the islands of the mask", "Shift+I", () => editMask(removeIslands)],
    ["candidate", "Next candidate mask (when the picture has the focus)", "Tab", tab],
    ["take-back", "Take the last click of this frame back", "Backspace", () => (undoCorner() ? undefined : removeLast())],
    ["enter", "Close the polygon, or track a correction again", "Enter",
      () => closePolygon(app.tool !== "polygon-minus") || retrack()],
    ["escape", "Stop tracking, or leave what is going on", "Escape", escape],
    ["cross-left", "Keyboard's cross to the left", "Alt+Left", () => moveCross(-1, 0)],
    ["cross-right", "Keyboard's cross to the right", "Alt+Right", () => moveCross(1, 0)],
    ["cross-up", "Keyboard's cross up", "Alt+Up", () => moveCross(0, -1)],
    ["cross-down", "Keyboard's cross down", "Alt+Down", () => moveCross(0, 1)],
    ["cross-left-far", "Cross far to the left", "Shift+Alt+Left", () => moveCross(-10, 0)],
    ["cross-right-far", "Cross far to the right", "Shift+Alt+Right", () => moveCross(10, 0)],
    ["cross-up-far", "Cross far up", "Shift+Alt+Up", () => moveCross(0, -10)],
    ["cross-down-far", "Cross far down", "Shift+Alt+Down", () => moveCross(0, 10)],
    ["cross-click", "Click at the cross", "Ctrl+Enter", () => clickCross(false)],
    ["cross-negative", "Click at the cross: not this", "Ctrl+Shift+Enter", () => clickCross(true)],
  ),
  ...commands("Objects",
    ["new", "New object: the next click makes it", "N", newObject],
    ["class", "Class; a digit chooses one", "C", chooseClass],
    ["next-object", "Next object", "Down", () => neighbour(1)],
    ["previous-object", "Previous object", "Up", () => neighbour(-1)],
    ...Array.from({ length: 9 }, (_, at) => /** @type {[string, string, string, () => unknown]} */ (
      [`object-${at + 1}`, `Object ${at + 1}`, String(at + 1), () => digit(at + 1)])),
    ["hide", "Hide or show the object", "H", () => withObject(hide)],
    ["lock", "Lock the object: tracking does not change it", "L", () => withObject((one) => void lock(one))],
    ["only", "Show only this object; tracking then follows only it", "O", () => toggle("onlySelected")],
    ["merge", "Merge with another object", "M", () => withObject(mergeObjects)],
    ["split", "Split the object at this frame", "S", () => withObject(splitObject)],
    ["swap", "Swap with another object from this frame on", "Shift+S", () => withObject(swapObjects)],
    ["not-here", "The object is not in the range, or on this frame", "K", () => withObject(notHere)],
    ["clear", "Delete the object's masks in the range, or on this frame", "Shift+Delete", () => withObject(clearRange)],
    ["remove", "Remove the object", "Delete", removeObject],
  ),
  ...commands("Tracking",
    ["forward", "Track forward", "Ctrl+B", () => track("forward")],
    ["back", "Track back", "Ctrl+Shift+B", () => track("backward")],
    ["both", "Track both ways", "Ctrl+Alt+B", () => track("both")],
    ["range", "Track the range, or choose one", "T", trackRange],
    ["range-start", "The range begins here", "Q", () => rangeHere(0)],
    ["range-stop", "The range ends here", "W", () => rangeHere(1)],
  ),
  ...commands("Edit and review",
    ["undo", "Undo", "Ctrl+Z", undo],
    ["redo", "Redo", "Ctrl+Shift+Z Ctrl+Y", () => step("redo")],
    ["save", "Save (all is saved at once)", "Ctrl+S", () => said("Everything is saved as you go.")],
    ["review", "Review: what deserves a look", "R", toggleReview],
    ["accept", "Accept the frame, the range, or the whole object (in a review)", "A", acceptHere],
    ["reject", "Reject with a word", "X", rejectHere],
    ["compare", "Before and after, side by side", "Y", () => toggle("compare")],
    ["export", "Export", "Ctrl+E", showExport],
  ),
  ...commands("View",
    ["zoom-in", "Zoom in", "I", () => zoomAt(1.25)],
    ["zoom-out", "Zoom out", "U", () => zoomAt(0.8)],
    ["fit", "Show the whole frame", "Z", fit],
    ["pan-left", "Move the picture right", "Ctrl+Left", () => pan(60, 0)],
    ["pan-right", "Move the picture left", "Ctrl+Right", () => pan(-60, 0)],
    ["pan-up", "Move the picture down", "Ctrl+Up", () => pan(0, 60)],
    ["pan-down", "Move the picture up", "Ctrl+Down", () => pan(0, -60)],
    ["timeline-in", "Zoom into the timeline", "Shift+=", () => zoomTimeline(1.5)],
    ["timeline-out", "Zoom out of the timeline", "Shift+-", () => zoomTimeline(1 / 1.5)],
    ["timeline-all", "The whole timeline", "Shift+Z", showWhole],
    ["outlines", "Outlines on or off", "Shift+L", () => toggle("outlines")],
    ["opacity-more", "Masks less transparent", "Ctrl+=", () => changeSize("opacity", 0.1)],
    ["opacity-less", "Masks more transparent", "Ctrl+-", () => changeSize("opacity", -0.1)],
    ["left-panel", "Tools on or off", "[", () => togglePanel("left")],
    ["right-panel", "Objects on or off", "]", () => togglePanel("right")],
    ["theme", "Dark or light", "Shift+T", toggleTheme],
  ),
  ...commands("Videos and help",
    ["videos", "Videos", "Shift+V", showVideos],
    ["next-video", "Next video", "PageDown", () => nextVideo(1)],
    ["previous-video", "Previous video", "PageUp", () => nextVideo(-1)],
    ["help", "All commands and keys", "? F1", showHelp],
  ),
];

/** @param {string} id */
export function run(id) {
  return COMMANDS.find((one) => one.id === id)?.run();
}

