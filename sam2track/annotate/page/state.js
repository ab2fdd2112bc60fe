/** What the page shows now, in one object, and who wants to know when it changes. */

import { remembered } from "./dom.js";

/**
 * @typedef {import("./types.js").Session} Session
 * @typedef {import("./types.js").VideoSummary} VideoSummary
 * @typedef {import("./types.js").VideoDetail} VideoDetail
 * @typedef {import("./types.js").Thing} Thing
 * @typedef {import("./types.js").Span} Span
 * @typedef {import("./types.js").StaleSpan} StaleSpan
 * @typedef {import("./types.js").Candidate} Candidate
 * @typedef {import("./types.js").ReviewItem} ReviewItem
 * @typedef {import("./types.js").Point} Point
 * @typedef {{frame: number, direction: string, left: number, seconds_left: number|null,
 *   follow: boolean, jobs: number}} Tracking
 * @typedef {{frame: number, object: number|null, point: Point|null, label: number,
 *   box: [number, number, number, number]|null}} Pending a click that is not answered yet
 */

export const app = {
  /** @type {Session|null} */ session: null,
  /** @type {VideoSummary[]} */ videos: [],
  /** @type {VideoDetail|null} */ video: null,
  frame: 0,
  /** @type {number|null} */ selected: null,
  tool: "point",
  /** Whether clicks say "not this". */ negative: false,
  brushSize: /** @type {number} */ (remembered("brush", 24)),
  opacity: /** @type {number} */ (remembered("opacity", 0.45)),
  outlines: /** @type {boolean} */ (remembered("outlines", true)),
  onlySelected: false,
  /** @type {Set<number>} */ hidden: new Set(),
  /** @type {[number, number]|null} start and stop; stop is left out */ range: null,
  /** @type {Tracking|null} */ tracking: null,
  /** @type {Map<number, Span[]>} */ lanes: new Map(),
  /** Reviews over the lanes. @type {Map<number, Span[]>} */ over: new Map(),
  /** @type {StaleSpan[]} */ stale: [],
  staleLeft: false,
  playing: false,
  /** @type {Pending[]} */ pending: [],
  /** @type {{object: number, frame: number, list: Candidate[], chosen: number}|null} */
  candidates: null,
  /** @type {Candidate|null} the mask that a click here would give */ hover: null,
  /** @type {Point|null} where the keyboard points on the canvas */ crosshair: null,
  compare: false,
  embedding: false,
  reviewing: false,
  /** Automatic annotation of many videos: which one it is at, and how far it is, 0..1.
   * @type {{video: number|null, share: number}|null} */ batch: null,
  /** @type {ReviewItem[]} */ review: [],
  /** Class of the next new object. */ nextClass: "object",
};

/** @type {Map<string, Set<() => void>>} */
const listeners = new Map();

/**
 * Run a function after each change of some topics.
 * @param {string} topics separated by spaces
 * @param {() => void} listener
 */
export function watch(topics, listener) {
  for (const topic of topics.split(" ")) {
    const found = listeners.get(topic) ?? new Set();
    listeners.set(topic, found.add(listener));
  }
}

/** Tell that something changed.
 * @param {...string} topics video, frame, objects, selection, masks, lanes, tool, view, tracking,
 *   stale, connection, reconnected, prompts, settings, model, playing, range, review, batch
 */
export function announce(...topics) {
  /** @type {Set<() => void>} */
  const told = new Set();
  for (const topic of topics) {
    for (const listener of listeners.get(topic) ?? []) told.add(listener);
  }
  for (const listener of told) listener();
}

/** @param {number|null} id @returns {Thing|null} */
export function thing(id) {
  return app.video?.objects.find((one) => one.id === id) ?? null;
}

/** @returns {Thing|null} the selected object */
export function selected() {
  return thing(app.selected);
}

/** @param {Thing} one @returns {string} such as "Object 1" or "Object 2 (cell)" */
export function title(one) {
  const name = one.name || one.class;
  return `Object ${one.number}${name === "object" ? "" : ` (${name})`}`;
}

/** Whether somebody else has this video, so that nothing can be changed. */
export function readOnly() {
  return Boolean(app.video?.lease && !app.video.lease.mine);
}

/** @param {Thing} one @returns {boolean} whether it is drawn */
export function visible(one) {
  if (app.onlySelected && app.selected !== null) return one.id === app.selected;
  return !app.hidden.has(one.id);
}

/** @param {number} frame @param {number} fps @returns {string} such as 00:32.5 */
export function clock(frame, fps) {
  const seconds = frame / (fps || 25);
  const minutes = Math.floor(seconds / 60);
  return `${String(minutes).padStart(2, "0")}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

/** @param {number} number @param {string} noun @returns {string} such as "1 mask" or "3,000 masks" */
export function several(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** @param {number} number @returns {string} such as 3,000 */
export function count(number) {
  return number.toLocaleString("en");
}
