/** Tracks objects through the video, shows how far it is, and what a correction would change. */

import { change, send } from "./api.js";
import { byId, h, TOUCH, withKey } from "./dom.js";
import { paintSpan, wasTracked, withoutClicked } from "./lanes.js";
import { forgetBefore, putMasks } from "./maskstore.js";
import { failed, notice } from "./notices.js";
import { mayChange, refresh, said } from "./opening.js";
import { seek } from "./playback.js";
import { pickRange } from "./ranges.js";
import { announce, app, count, readOnly, selected, thing, title, watch } from "./state.js";

/** @typedef {"forward"|"backward"|"both"} Direction */

/** @returns {number[]} the objects that can be tracked: all, or only the one that is shown alone */
function objects() {
  const video = app.video;
  const one = selected();
  const things = app.onlySelected && one ? [one] : (video?.objects ?? []);
  const prompted = new Set(video?.prompts.map((prompt) => prompt.object));
  const known = (/** @type {number} */ id) => prompted.has(id) || app.lanes.has(id);
  return things.filter((each) => !each.locked && known(each.id)).map((each) => each.id);
}

/** @type {((nothing: unknown) => void)[]} what waits until all clicks are answered */
const answered = [];

/**
 * Track the objects of this video.
 * @param {Direction} direction
 * @param {{range?: [number, number], objects?: number[]}} [options] a range's stop is left out
 */
export async function track(direction, options = {}) {
  const video = app.video;
  if (!video || app.tracking || !mayChange()) return;
  // Clicks that are not answered yet belong to it.
  if (app.pending.length) await new Promise((resolve) => answered.push(resolve));
  if (app.tracking || app.video?.id !== video.id) return;
  const ids = options.objects ?? objects();
  if (!ids.length) {
    said("Click on an object first; then it can be tracked.");
    return;
  }
  app.playing = false;
  app.candidates = null;
  app.hover = null;
  const [start, stop] = options.range ?? [];
  await begin([{ objects: ids, direction, start, stop }]);
}

/**
 * @typedef {{objects: number[], direction: string, start?: number, stop?: number}} Work
 * @param {Work[]} list one after the other
 */
async function begin(list) {
  const video = app.video;
  if (!video) return;
  app.tracking = {
    frame: app.frame, direction: list[0].direction, left: 0, seconds_left: null, follow: true, jobs: 0,
  };
  forgetBefore();
  announce("tracking", "playing", "stale");
  for (const work of list) {
    try {
      await change("POST", `/api/videos/${video.id}/track`, work);
      if (app.tracking) app.tracking.jobs++;
    } catch (error) {
      failed(error);
    }
  }
  if (app.tracking && app.tracking.jobs <= 0) {
    app.tracking = null;
    announce("tracking");
    refresh();
  }
}

/** Track the range that was chosen, or have one chosen. */
export function trackRange() {
  const { range } = app;
  if (!range) {
    pickRange();
    return;
  }
  // From what was there before the range; a range that begins before all clicks needs both ways.
  const ids = new Set(objects());
  const reached = [...app.lanes].some(([id, spans]) => ids.has(id) && spans[0]?.start <= range[0]);
  void track(reached ? "forward" : "both", { range });
}

/** Stop; what is finished stays. @returns {boolean} whether something was tracked */
export function cancelTracking() {
  const video = app.video;
  if (!app.tracking || !video) return false;
  said("Stopping…");
  send("DELETE", `/api/videos/${video.id}/track`).catch(failed);
  return true;
}

/** Spans that a correction made old; not those of objects that were never tracked. */
export function corrections() {
  const tracked = (/** @type {number} */ id) => wasTracked(app.lanes.get(id) ?? []);
  return app.stale.filter((span) => tracked(span.object) && !thing(span.object)?.locked);
}

/** Track again what corrections made old. @returns {boolean} whether there was something */
export function retrack() {
  const spans = corrections();
  if (!spans.length || app.staleLeft || app.tracking) return false;
  if (!mayChange()) return true;
  /** @type {Map<string, Work>} */
  const works = new Map();
  for (const { object, start, stop, direction } of spans) {
    const key = `${start} ${stop} ${direction}`;
    const work = works.get(key) ?? { objects: [], start, stop, direction };
    work.objects.push(object);
    works.set(key, work);
  }
  void begin([...works.values()]);
  return true;
}

/** Leave the corrected spans as they are. @returns {boolean} whether there were some */
export function leaveStale() {
  if (!corrections().length || app.staleLeft || app.tracking) return false;
  app.staleLeft = true;
  announce("stale", "lanes");
  return true;
}

/** The server's news. @param {any} data */
export function onTracking(data) {
  const video = app.video;
  if (!video || data.video !== video.id) return;
  const now = (app.tracking ??= {
    frame: data.frame, direction: data.direction, left: 0, seconds_left: null, follow: false, jobs: 1,
  });
  const shown = now.follow;
  Object.assign(now, {
    frame: data.frame, left: data.left, seconds_left: data.seconds_left, direction: data.direction,
  });
  putMasks(data.frame, data.masks ?? []);
  for (const mask of data.masks ?? []) {
    const kind = mask.made === "prompt" ? "prompted" : kindOf(mask);
    const span = { start: data.frame, stop: data.frame + 1, kind };
    app.lanes.set(mask.object, paintSpan(app.lanes.get(mask.object) ?? [], span));
  }
  if (shown) seek(data.frame, false);
  announce("tracking", "lanes");
  if (shown || data.frame === app.frame) announce("masks");
}

/** @param {import("./types.js").MaskRecord} mask */
function kindOf(mask) {
  if (mask.made === "brush" || mask.made === "imported") return mask.made;
  if (typeof mask.presence === "number" && mask.presence <= 0) return "absent";
  return typeof mask.confidence === "number" && mask.confidence < 0.5 ? "doubtful" : "propagated";
}

/** @param {any} data */
export function onTracked(data) {
  if (data.video !== app.video?.id) return;
  if (app.tracking && --app.tracking.jobs > 0 && !data.cancelled) return;
  app.tracking = null;
  announce("tracking", "stale");
  if (data.error) notice(data.error, { kind: "error" });
  else if (data.cancelled) said("Stopped. What was tracked is kept.");
  else said(TOUCH ? "Tracked." : "Tracked. Space plays it; J jumps to what deserves a look.");
  refresh();
}

/** @param {number|null} seconds @returns {string} */
function lasts(seconds) {
  if (seconds === null || seconds === undefined) return "";
  return seconds >= 90 ? `, about ${Math.round(seconds / 60)} min` : `, about ${Math.ceil(seconds)} s`;
}

/** The line under the canvas: progress, or what a correction would change. */
function bar() {
  const area = byId("progress");
  const now = app.tracking;
  document.body.classList.toggle("tracking", Boolean(now));
  /** @type {HTMLButtonElement} */ (byId("stop")).disabled = !now;
  if (now) {
    const text = now.left
      ? `Tracking, frame ${count(now.frame)}: ${count(now.left)} frames left${lasts(now.seconds_left)}`
      : "Tracking…";
    // Only the words change from frame to frame: a button that is replaced loses clicks.
    if (!area.querySelector(".spin")) {
      const stop = h("button", { text: withKey("Stop", "Esc"), on: { click: cancelTracking } });
      area.replaceChildren(h("span", { class: "spin", "aria-hidden": "true" }), h("span"), stop);
    }
    /** @type {HTMLElement} */ (area.children[1]).textContent = text;
    area.hidden = false;
    return;
  }
  const spans = app.staleLeft || readOnly() ? [] : corrections()
    .map((span) => withoutClicked(span, app.lanes.get(span.object) ?? [])).filter((span) => span.start < span.stop);
  area.hidden = !spans.length;
  if (!spans.length) return;
  const start = Math.min(...spans.map((span) => span.start));
  const stop = Math.max(...spans.map((span) => span.stop)) - 1;
  const names = [...new Set(spans.map((span) => span.object))].map(thing);
  const who = names.length === 1 && names[0] ? title(names[0]) : `${names.length} objects`;
  const text = start === stop ? `Frame ${count(start)} follows older clicks.`
    : `Frames ${count(start)}–${count(stop)} follow older clicks.`;
  area.replaceChildren(
    h("span", { class: "hatched", "aria-hidden": "true" }),
    h("span", { text, title: `${who}: ${text}` }),
    h("button", { class: "primary", text: withKey("Track again", "Enter"), on: { click: retrack } }),
    h("button", { text: withKey("Leave", "Esc"), on: { click: leaveStale } }),
  );
}

/** Begin to watch. */
export function startTracking() {
  watch("tracking stale objects lanes video lease", bar);
  watch("prompts video", () => {
    if (!app.pending.length) for (const go of answered.splice(0)) go(null);
  });
}
