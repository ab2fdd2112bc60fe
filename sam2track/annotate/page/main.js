/** Starts the page. */

import { connection, listen, takeToken } from "./api.js";
import { startCanvas } from "./canvas.js";
import { run } from "./commands.js";
import { h, icon } from "./dom.js";
import { startHints } from "./hints.js";
import { keyFor, startKeys } from "./keys.js";
import { failed } from "./notices.js";
import { openVideo, refresh, refreshList, startOpening } from "./opening.js";
import { startObjects } from "./objects.js";
import { startPanels } from "./panels.js";
import { startPlayback } from "./playback.js";
import { refreshReview, startReview } from "./review.js";
import { announce, app, watch } from "./state.js";
import { startTimeline } from "./timeline.js";
import { startTools } from "./tools.js";
import { onTracked, onTracking, startTracking } from "./tracking.js";
import { onJob, startVideos } from "./videos.js";

/** Buttons of the page name their command (data-command) and their picture (data-icon). */
function startButtons() {
  for (const button of document.querySelectorAll("[data-command]")) {
    const { command = "", icon: shape = "" } = /** @type {HTMLElement} */ (button).dataset;
    if (shape) button.prepend(icon(shape));
    button.addEventListener("click", () => run(command));
    const name = button.getAttribute("title") ?? "";
    const label = () => button.setAttribute("title", `${name} (${keyFor(command)})`);
    label();
    watch("keys", label);
    if (!button.textContent?.trim()) button.setAttribute("aria-label", name);
  }
}

function startEvents() {
  listen({
    tracking: onTracking,
    tracked: (data) => {
      onTracked(data);
      void refreshReview();
    },
    changed: (data) => {
      if (data.video === app.video?.id || data.video === null) refresh();
      if (data.video === null || ["video", "annotate"].includes(data.what)) void refreshList().catch(failed);
      void refreshReview();
    },
    model: (data) => {
      if (app.session) Object.assign(app.session.model, data);
      announce("model");
    },
    lease: (data) => {
      if (data.video === app.video?.id) refresh();
    },
    job: onJob,
  });
}

async function start() {
  await takeToken().catch(failed);
  const asked = new URLSearchParams(location.hash.slice(1));
  startPanels(keyFor);
  startButtons();
  startCanvas();
  startTools();
  startTimeline();
  startObjects();
  startTracking();
  startReview();
  startVideos();
  startHints();
  startPlayback();
  startOpening();
  startKeys();
  startEvents();
  watch("reread", refresh);
  try {
    await refreshList();
  } catch (error) {
    if (connection.up) failed(error);
    watch("session", () => app.video ?? open(asked));
    return;
  }
  open(asked);
  void refreshReview();
}

/** @param {URLSearchParams} asked a video and a frame that the address names */
function open(asked) {
  const wanted = app.videos.find((video) => video.id === Number(asked.get("video")));
  const first = wanted ?? app.videos[0];
  if (first) void openVideo(first.id, { frame: wanted ? Number(asked.get("frame") ?? 0) : 0 });
  else announce("video", "videos");
  document.body.append(h("div", { id: "ready", hidden: true }));
}

void start();
