/** Review: the queue of what deserves a look, and accepting or rejecting it. */

import { change, get } from "./api.js";
import { byId, h, reveal, withKey } from "./dom.js";
import { askText, trying } from "./notices.js";
import { mayChange, openVideo, refresh, said } from "./opening.js";
import { seek } from "./playback.js";
import { announce, app, count, selected, title, watch } from "./state.js";
import { select } from "./tools.js";

/** @typedef {import("./types.js").ReviewItem} ReviewItem */

/** @type {ReviewItem|null} what is looked at */
let current = null;

let asked = 0;

/** Read the queue again. */
export async function refreshReview() {
  const mine = ++asked;
  try {
    const queue = await get("/api/review");
    // Answers may overtake each other; the last question counts.
    if (mine !== asked) return;
    app.review = queue;
    announce("review");
  } catch {
    // The count stays what it was until the server is back.
  }
}

/** What waits for a look of an object of this video. @param {number} object @returns {ReviewItem[]} */
export function waitingOf(object) {
  return app.review.filter((item) => item.video === app.video?.id && item.object === object);
}

/** Show the queue instead of the objects, or the objects again. */
export async function toggleReview() {
  app.reviewing = !app.reviewing;
  announce("review");
  if (!app.reviewing) return;
  await refreshReview();
  const first = app.review.find((item) => item.video === app.video?.id) ?? app.review[0];
  if (first) await show(first);
  else said("Nothing waits for a look.");
}

/** @param {ReviewItem} item */
async function show(item) {
  current = item;
  if (item.video !== app.video?.id) {
    await openVideo(item.video, { frame: item.frame ?? 0, object: item.object });
  } else {
    if (item.frame !== null) seek(item.frame);
    select(item.object);
  }
  announce("review");
}

/** @param {ReviewItem} item @returns {string} which object */
function who(item) {
  if (item.object === null) return "all objects";
  const one = app.video?.id === item.video ? app.video.objects.find((each) => each.id === item.object) : null;
  return one ? title(one) : `Object ${item.number}`;
}

/** @param {{frame: number|null, last: number|null}} item @returns {string} such as "frames 13–22" */
function where({ frame, last }) {
  if (frame === null) return "all frames";
  return last === null || last <= frame ? `frame ${count(frame)}` : `frames ${count(frame)}–${count(last)}`;
}

function list() {
  const waiting = app.review.length;
  byId("review-count").textContent = waiting ? `(${count(waiting)})` : "";
  byId("review").hidden = !app.reviewing;
  byId("objects-section").hidden = app.reviewing;
  document.body.classList.toggle("reviewing", app.reviewing);
  byId("review-button").setAttribute("aria-pressed", String(app.reviewing));
  if (!app.reviewing) return;
  const rows = app.review.slice(0, 300).map((item) => {
    const video = app.videos.find((each) => each.id === item.video);
    const chosen = same(item, current);
    const place = `${app.videos.length > 1 ? `${video?.name ?? item.video} · ` : ""}${where(item)}`;
    // The frames stand below it.
    const why = item.why.replace(/, frames? [\d-]+$/, "");
    const words = h("span", { class: "words" },
      h("span", { class: "name", text: `${who(item)}: ${why}` }),
      h("span", { class: "condition", text: place }));
    const pick = h("button", { class: "pick", title: item.why, "aria-pressed": String(chosen), on: { click: () => void show(item) } }, words);
    return h("li", { class: chosen ? "chosen" : "" }, pick);
  });
  const more = waiting - rows.length;
  const rest = more > 0 ? h("p", { class: "hint", text: `and ${count(more)} more` }) : null;
  const buttons = h("div", { class: "row" },
    h("button", { class: "primary", text: withKey("Accept", "A"), on: { click: acceptHere } }),
    h("button", { text: withKey("Reject", "X"), on: { click: rejectHere } }),
    h("button", { text: "Skip", on: { click: () => void next() } }));
  const empty = h("p", { class: "hint", text: "Nothing waits for a look." });
  const video = stateField("This video", app.video?.state ?? "new", (state) => void decideAll(state, null));
  const queue = h("ul", { class: "list" }, ...rows);
  byId("review-body").replaceChildren(video, ...(rows.length ? [buttons, queue] : [empty]), ...(rest ? [rest] : []));
  reveal(queue, queue.querySelector(".chosen"));
}

/** @param {ReviewItem} a @param {ReviewItem|null} b */
function same(a, b) {
  return a.video === b?.video && a.object === b.object && a.frame === b.frame;
}

/** Go to the next of the queue, and drop the current one if it was decided. @param {boolean} [decided] */
async function next(decided = false) {
  const at = app.review.findIndex((item) => same(item, current));
  const queue = app.review;
  // With a whole object its frames are decided too.
  const whole = current?.frame === null ? current.object : undefined;
  if (decided && at >= 0) app.review = queue.filter((item, place) => place !== at && item.object !== whole);
  const following = decided ? app.review[Math.max(at, 0)] : app.review[at + 1];
  const item = following ?? app.review[0];
  if (item && !(item === current && app.review.length === 1 && !decided)) await show(item);
  else current = null;
  announce("review");
}

/** @param {ReviewItem} item @returns {boolean} whether its object and one of its frames are shown */
function isHere({ video, object, frame, last }) {
  if (video !== app.video?.id || object !== app.selected) return false;
  return frame === null || (frame <= app.frame && app.frame <= (last ?? frame));
}

/**
 * Say what was decided about the selected object here: on the range, or this frame.
 * @param {string} state
 * @param {string} [comment]
 */
async function decide(state, comment) {
  const video = app.video;
  if (!video || !mayChange()) return;
  const one = selected();
  // All that an entry of the queue is about is decided, or it would come back.
  const item = app.reviewing && !app.range && current && isHere(current) ? current : null;
  const [start, stop] = app.range ?? [item?.frame ?? app.frame, (item?.last ?? item?.frame ?? app.frame) + 1];
  const place = item ?? { frame: start, last: stop - 1 };
  /** @type {Record<string, unknown>} */
  const body = { state };
  if (place.frame !== null) body.frames = [start, stop];
  if (one) body.object = one.id;
  if (comment) body.comment = comment;
  await trying(async () => {
    await change("POST", `/api/videos/${video.id}/review`, body);
    const what = `${one ? title(one) : "All objects"}, ${where(place)}: ${state}.`;
    if (app.reviewing) await next(Boolean(item));
    said(what);
  });
  refresh();
}

/** Accept the selected object, or all, on the range or this frame. */
export function acceptHere() {
  void decide("accepted");
}

/** Reject with a word. */
export async function rejectHere() {
  if (!app.video || !mayChange()) return;
  const words = ["wrong object", "mask too large", "mask too small", "lost"];
  const comment = await askText("What is wrong?", "Reject", words);
  if (comment !== null) await decide("rejected", comment);
}

/**
 * Set the state of a whole object, or of the video.
 * @param {string} state
 * @param {number|null} object null = the video
 */
export async function decideAll(state, object) {
  const video = app.video;
  if (!video || !mayChange()) return;
  const body = object === null ? { state } : { state, object };
  await trying(() => change("POST", `/api/videos/${video.id}/review`, body));
  refresh();
}

/**
 * A choice of the state of review.
 * @param {string} name
 * @param {string} now
 * @param {(state: string) => void} chosen
 */
export function stateField(name, now, chosen) {
  const states = ["new", "in progress", "review", "accepted", "rejected"];
  const choose = h("select", {}, ...states.map((text) => h("option", { text, selected: text === now })));
  choose.addEventListener("change", () => chosen(choose.value));
  return h("label", { class: "field" }, h("span", { text: name }), choose);
}

/** Open the next or the previous video. @param {number} by */
export function nextVideo(by) {
  const at = app.videos.findIndex((video) => video.id === app.video?.id);
  const next = app.videos[at + by];
  if (next) void openVideo(next.id);
  else said(by > 0 ? "This is the last video." : "This is the first video.");
}

/** Begin to show. */
export function startReview() {
  watch("review video objects", list);
}
