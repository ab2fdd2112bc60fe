/** Opens a video and keeps what the page knows of it up to date. */

import { change, connection, get, send, sendWaiting } from "./api.js";
import { byId, h, later, remember, remembered } from "./dom.js";
import { forgetPictures } from "./frames.js";
import { forgetMasks, refreshMasks, wantMasks } from "./maskstore.js";
import { closeNotice, failed, notice, trying } from "./notices.js";
import { announce, app, readOnly, watch } from "./state.js";

/** @typedef {import("./types.js").VideoDetail} VideoDetail */
/** @typedef {import("./types.js").Span} Span */

/** Kinds of spans that lie over the others. */
const OVER = new Set(["stale", "accepted", "locked", "rejected"]);

let reading = false;
let again = false;
/** Whether to read when no change waits any more. */
let due = false;
/** How often reading was asked for, and up to which of these the page shows what was read. */
export const reread = { asked: 0, done: 0 };

/** Fetch the list of videos and the session. */
export async function refreshList() {
  const [session, videos] = await Promise.all([get("/api/session"), get("/api/videos")]);
  if (app.session && app.session.project.id !== session.project.id) location.reload(); // its changes stay here
  if (!app.session) await sendWaiting(session.project.id);
  app.session = session;
  app.videos = videos;
  announce("session", "videos");
}

/**
 * Open a video; the frame is remembered in the address.
 * @param {number} id
 * @param {{frame?: number, object?: number|null}} [at] without an object, the one that was selected last
 */
export async function openVideo(id, at = {}) {
  if (app.video && app.video.id !== id) void leave(app.video.id);
  await trying(async () => {
    const detail = /** @type {VideoDetail} */ (await get(`/api/videos/${id}`));
    if (app.video?.id !== id) {
      forgetPictures();
      forgetMasks();
      Object.assign(app, {
        selected: null, range: null, tracking: null, lanes: new Map(), over: new Map(), stale: [], pending: [],
        candidates: null, hover: null, crosshair: null, compare: false, playing: false,
      });
      said("");
      app.hidden = new Set();
    }
    app.video = detail;
    app.frame = Math.min(at.frame ?? 0, detail.length - 1);
    app.selected = at.object === undefined ? lastSelected(detail) : at.object;
    app.nextClass = detail.objects.at(-1)?.class ?? app.session?.classes[0]?.name ?? "object";
    announce("video", "frame", "selection", "lanes", "stale", "tracking", "range");
    await lease(false);
    refresh();
  });
}

/** The object that was selected last in a video, or its last one: corrections go to it.
 * @param {VideoDetail} detail
 */
function lastSelected({ id, objects }) {
  const last = remembered("selected", {})[id];
  return (objects.find((one) => one.id === last) ?? objects.at(-1))?.id ?? null;
}

/** @param {number} id */
async function leave(id) {
  try {
    await send("DELETE", `/api/videos/${id}/lease`, undefined, { keepalive: true });
  } catch {
    // The server takes it back by itself when no cursor comes any more.
  }
}

/** Ask to be the one who changes this video.
 * @param {boolean} takeOver
 */
export async function lease(takeOver) {
  const video = app.video;
  if (!video) return;
  try {
    const answer = await send("POST", `/api/videos/${video.id}/lease`, { take_over: takeOver });
    video.lease = answer;
  } catch (error) {
    if (takeOver) failed(error);
    const detail = await get(`/api/videos/${video.id}`).catch(() => null); // the bar says so
    if (detail && app.video?.id === video.id) app.video.lease = detail.lease;
  }
  announce("lease", "objects");
}

/** Read everything of this video again; what is asked for meanwhile is read once more. */
export function refresh() {
  reread.asked++;
  due = connection.waiting > 0;
  if (due) return; // what is read while something changes is old at once
  refreshMasks();
  void wantMasks(app.frame);
  soon();
}

const soon = later(() => void read(), 40);

async function read() {
  const id = app.video?.id;
  if (id === undefined) return;
  if (reading) {
    again = true;
    return;
  }
  reading = true;
  const made = connection.made;
  const { asked } = reread;
  try {
    const [detail, lanes, stale] = await Promise.all([
      get(`/api/videos/${id}`),
      get(`/api/videos/${id}/lanes`),
      get(`/api/videos/${id}/stale`),
    ]);
    // What was read while something changed may be old: it is read again.
    if (connection.made !== made) again = true;
    else if (app.video?.id === id) {
      take(detail, lanes, stale);
      reread.done = asked;
    }
  } catch {
    // The bar says that the server is gone; all is read again when it is back.
  }
  reading = false;
  if (again) {
    again = false;
    void read();
  }
}

/** @param {VideoDetail} detail @param {any} lanes @param {any} stale */
function take(detail, lanes, stale) {
  const free = readOnly() && !detail.lease;
  app.video = detail;
  if (free) void lease(false);
  // The page was opened, or came back, while the video is tracked, or after that. Of the videos that
  // are annotated automatically only one is tracked at a time.
  if (detail.tracking && (!app.batch || app.batch.video === detail.id)) {
    app.tracking ??= { frame: app.frame, direction: "", left: 0, seconds_left: null, follow: false, jobs: 1 };
  } else app.tracking = app.tracking?.jobs === 0 ? app.tracking : null;
  if (!app.tracking) {
    /** @type {[string, Span[]][]} */
    const all = Object.entries(lanes.objects);
    app.lanes = new Map(all.map(([id, spans]) => [Number(id), spans.filter((span) => !OVER.has(span.kind))]));
    app.over = new Map(all.map(([id, spans]) => [Number(id), spans.filter((span) => OVER.has(span.kind))]));
  }
  const spans = JSON.stringify(app.stale);
  app.stale = stale;
  // A new correction is shown even if an older one was left as it was.
  if (JSON.stringify(stale) !== spans) app.staleLeft = false;
  if (app.selected !== null && !detail.objects.some((one) => one.id === app.selected)) {
    app.selected = null;
    announce("selection");
  }
  announce("objects", "prompts", "lanes", "stale", "lease", "tracking");
}

/** Whether a change may be made; says so if not. @returns {boolean} */
export function mayChange() {
  if (!app.video) return false;
  if (!readOnly()) return true;
  notice(`${heldBy()}. You can watch, or take it over.`, { kind: "error", id: "leased" });
  return false;
}

/** @returns {string} who has this video; often it is the same person in another tab */
function heldBy() {
  const who = app.video?.lease?.who;
  const me = remembered("who", "") || app.session?.who;
  return who === me ? `This video is open in another tab or window (${who})` : `${who} works on this video`;
}

/** Undo or redo, and say what. @param {"undo"|"redo"} what */
export async function step(what) {
  const video = app.video;
  if (!video || !mayChange()) return;
  await trying(async () => {
    const answer = await change("POST", `/api/videos/${video.id}/${what}`, {}).catch((error) => {
      if (!/nothing to (un|re)do/.test(error?.message)) throw error;
      said(`There is nothing to ${what}.`);
    });
    if (!answer) return;
    said(`${what === "undo" ? "Undone" : "Done again"}: ${answer.what}`);
    app.candidates = null;
    refresh();
  });
}

/** One line in the head of the page. @param {string} text */
export function said(text) {
  byId("status").textContent = text;
}

/** The bars: not connected, and somebody else has the video. */
function bars() {
  const bar = byId("connection");
  bar.hidden = connection.up;
  const waiting = connection.waiting;
  const kept = waiting ? `${waiting} change${waiting > 1 ? "s" : ""} wait${waiting > 1 ? "" : "s"} here.` : "";
  bar.textContent = `Not connected. ${kept} Trying again…`;
  const other = byId("leased");
  const holder = app.video?.lease;
  other.hidden = !readOnly();
  if (!readOnly()) closeNotice("leased");
  if (holder && readOnly()) {
    const frame = holder.frame === null ? "" : `, on frame ${holder.frame}`;
    const take = { class: "plain", text: "Take over", on: { click: () => void lease(true) } };
    const text = `${heldBy()}${frame}. You watch.`;
    other.replaceChildren(h("span", { text }), h("button", take));
  }
  document.body.classList.toggle("read-only", readOnly());
  const saved = byId("saved");
  saved.textContent = !connection.up ? "waiting" : waiting ? "saving…" : "saved";
}

/** Say which changes of the page before this one were refused. */
function tellLost() {
  const lost = connection.lost.splice(0);
  if (!lost.length) return;
  const why = [...new Set(lost)].join(" ");
  const many = lost.length > 1 ? `${lost.length} changes that waited here were` : "A change that waited here was";
  failed(new Error(`${many} not made. ${why}`));
}

/** Begin to watch. */
export function startOpening() {
  watch("connection lease video", bars);
  watch("connection", () => {
    if (connection.waiting) return;
    if (due) refresh();
    tellLost();
  });
  watch("reconnected", () => {
    void trying(refreshList);
    if (app.video) {
      void lease(false);
      refresh();
    }
  });
  setInterval(() => {
    if (app.video && app.video.lease?.mine && connection.up) {
      send("PUT", `/api/videos/${app.video.id}/lease`, { frame: app.frame }).catch(() => refresh());
    }
  }, 5000);
  addEventListener("beforeunload", (event) => {
    if (connection.waiting && !connection.kept) event.preventDefault();
  });
  addEventListener("pagehide", () => {
    if (app.video?.lease?.mine) void leave(app.video.id);
  });
  const place = later(() => {
    if (!app.video) return;
    history.replaceState(null, "", `#video=${app.video.id}&frame=${app.frame}`);
  }, 200);
  watch("video frame", place);
  watch("selection", () => {
    const { video, selected } = app;
    if (video && selected !== null) remember("selected", { ...remembered("selected", {}), [video.id]: selected });
  });
}
