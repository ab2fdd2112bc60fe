/** What a new user needs to be told, one step at a time, and the state of the model. */

import { byId, h, TOUCH, withKey } from "./dom.js";
import { chooseCandidate } from "./prompting.js";
import { app, readOnly, selected, title, watch } from "./state.js";
import { track } from "./tracking.js";
import { spanAt, wasTracked } from "./lanes.js";
import { maskOf } from "./maskstore.js";

const NAMES = ["whole", "part", "subpart"];

const KEYS = TOUCH ? "Tap to correct an object · New object: another one · two fingers zoom"
  : "Space plays · F and D step · N new object · ? all keys";
// Two short lines: beside the candidates there is little room.
const NEXT = TOUCH ? "Too much? “Not this”, then tap there. If it is right:"
  : "Shift-click takes away. If the mask is right:";
const DRAWN = TOUCH ? "The eraser takes away. If it is right:"
  : "The eraser (Shift+2) takes away. If the mask is right:";

/**
 * What to do now.
 * @returns {{text: string, over?: boolean, button?: boolean}} over: it is shown over the frame
 */
function advice() {
  const video = app.video;
  if (!video || readOnly() || app.tracking || app.compare) return { text: "" };
  if (!video.objects.length && !app.pending.length) {
    return { text: "Click on what you want to follow", over: true };
  }
  const one = selected();
  const asked = one ? [one] : video.objects;
  const tracked = asked.some(({ id }) => wasTracked(app.lanes.get(id) ?? []));
  const clicked = asked.some(({ id }) => maskOf(id, app.frame));
  if (!tracked && clicked && video.length > 1) {
    return { text: ["brush", "eraser"].includes(app.tool) ? DRAWN : NEXT, button: true };
  }
  if (one && !tracked && !app.lanes.get(one.id)?.length && !clicked) {
    return { text: `Click on ${title(one)}, or draw it with the brush.` };
  }
  if (one && spanAt(app.lanes.get(one.id) ?? [], app.frame)?.kind === "absent") {
    return { text: `${title(one)} is not in this frame. Click on it if it is.`, over: true };
  }
  return { text: KEYS };
}

let shown = "";

function hint() {
  const now = advice();
  const busy = !byId("progress").hidden;
  const over = byId("hint");
  over.hidden = !now.over;
  over.textContent = now.over ? now.text : "";
  const area = byId("advice");
  area.hidden = busy || Boolean(now.over);
  const both = app.frame > 0;
  const key = `${now.text} ${now.button} ${both}`;
  if (key === shown) return;
  shown = key;
  area.replaceChildren(h("span", { text: now.over ? "" : now.text }));
  if (now.button) {
    const start = () => void track(both ? "both" : "forward");
    const text = both ? withKey("Track both ways", "Ctrl+Alt+B") : withKey("Track it", "Ctrl+B");
    area.append(h("button", { class: "primary", text, on: { click: start } }));
  }
}

/** The masks that the last click may mean. */
function candidates() {
  const area = byId("candidates");
  const offered = app.candidates?.frame === app.frame ? app.candidates : null;
  area.hidden = !offered;
  if (!offered) return;
  const sizes = offered.list.map((one, at) => ({ at, one }));
  const buttons = sizes.map(({ at, one }) => {
    const score = one.score === null ? "" : ` ${one.score.toFixed(2)}`;
    return h("button", { "aria-pressed": String(at === offered.chosen), on: { click: () => chooseCandidate(at) } },
      NAMES[at] ?? `mask ${at + 1}`, h("span", { class: "weak", text: score }));
  });
  area.replaceChildren(h("span", { text: "Which part?" }), ...buttons, h("kbd", { text: "Tab" }));
}

/** The thin line at the top of the canvas: the model is loading, or looks at this frame. */
function model() {
  const state = app.session?.model;
  const busy = state?.state === "loading" || app.embedding || app.pending.length > 0;
  byId("busy").hidden = !busy;
  const words = byId("model");
  words.classList.toggle("bad", state?.state === "error");
  if (state?.state === "error") words.textContent = `The model could not be loaded: ${state.message}`;
  else if (state?.state === "loading") words.textContent = "The model is loading; clicks are kept.";
  else words.textContent = state?.name ?? "";
}

/** Begin to show. */
export function startHints() {
  watch("video objects masks lanes frame tracking prompts selection lease stale settings tool", hint);
  watch("prompts frame masks selection video", candidates);
  watch("model session prompts", model);
}
