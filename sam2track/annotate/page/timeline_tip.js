/** What lies under the pointer on the timeline: a small picture of the frame, and words. */

import { frameAddress, getPicture } from "./api.js";
import { byId, h, later } from "./dom.js";
import { KINDS, spanAt } from "./lanes.js";
import { app, clock, title } from "./state.js";

const picture = h("img", { alt: "" });
const words = h("span");
let address = "";
const fetchThumbnail = later(async () => {
  const mine = address;
  if (!mine || byId("tip").hidden) return;
  try {
    const url = URL.createObjectURL(await getPicture(mine));
    if (mine === address) picture.src = url;
    picture.onload = () => URL.revokeObjectURL(url);
  } catch {
    // The words are shown without it.
  }
}, 60);

/** Nothing is pointed at. */
export function hideTip() {
  byId("tip").hidden = true;
}

/**
 * @param {number} frame
 * @param {import("./types.js").Thing|null} one the object whose lane it is
 * @param {number} x where
 * @param {number} width of the timeline
 */
export function showTip(frame, one, x, width) {
  const video = app.video;
  const tip = byId("tip");
  tip.hidden = !video;
  if (!video) return;
  if (!tip.firstChild) tip.append(picture, words);
  const span = one && spanAt(app.lanes.get(one.id) ?? [], frame);
  const over = one ? (app.over.get(one.id) ?? []).filter((each) => each.start <= frame && frame < each.stop) : [];
  const kinds = [...(span ? [span] : []), ...over];
  const kind = kinds.map((each) => `${KINDS[each.kind] ?? each.kind}${each.why ? ` (${each.why})` : ""}`).join(", ")
    || "no mask";
  words.textContent = `${one ? `${title(one)}: ${kind} · ` : ""}frame ${frame} · ${clock(frame, video.fps)}`;
  const asked = frameAddress(video, frame, 160);
  if (asked !== address) {
    address = asked;
    fetchThumbnail();
  }
  tip.style.left = `${Math.min(Math.max(x - 84, 4), width - 176)}px`;
}
