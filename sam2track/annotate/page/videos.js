/** The list of videos: previews, states, adding, batch start, import. */

import { frameAddress, get, send } from "./api.js";
import { byId, h } from "./dom.js";
import { closeNotice, dialog, failed, notice, trying } from "./notices.js";
import { openVideo, refreshList } from "./opening.js";
import { announce, app, clock, count, several, watch } from "./state.js";

/** @typedef {import("./types.js").VideoSummary} VideoSummary */

/** @type {Set<number>} videos that are marked in the list */
const marked = new Set();
/** @type {HTMLElement|null} */
let body = null;
const search = h("input", { type: "search", placeholder: "Search by name or state", "aria-label": "Search videos" });
const all = h("input", { type: "checkbox" });
const found = h("span", { class: "weak", role: "status" });
const start = h("button", { title: "Finds and tracks objects in the marked videos, or in all" });

/** Show the list. */
export function showVideos() {
  const grid = h("div", { class: "videos" });
  const box = dialog("Videos", finder(), grid, tools());
  box.classList.add("large");
  body = grid;
  box.addEventListener("close", () => (body = null));
  search.value = "";
  search.focus();
  fill();
  void trying(refreshList);
}

/** Search, marking, and what is done with what is marked. */
function finder() {
  return h("div", { class: "film-tools" }, search, found, h("label", { class: "check" }, all, "Mark all"), start);
}

/** @returns {VideoSummary[]} the videos that have the words of the search */
function wanted() {
  const words = search.value.toLowerCase().split(" ").filter(Boolean);
  return app.videos.filter((video) => {
    const text = `${video.name} ${video.state} ${conditions(video).join(" ")}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** @param {VideoSummary} video @returns {string[]} how far it is */
function conditions(video) {
  const state = [video.state, video.object_count ? several(video.object_count, "object") : "no objects"];
  const waiting = app.review.filter((item) => item.video === video.id).length;
  if (waiting) state.push(`${count(waiting)} to review`);
  if (video.missing) state.push("file is missing");
  if (video.lease && !video.lease.mine) state.push(`${video.lease.who} works on it`);
  return state;
}

function tools() {
  const file = h("input", { type: "file", accept: "video/*,.mkv,.avi", multiple: true, hidden: true });
  file.addEventListener("change", () => void upload([...(file.files ?? [])]));
  const path = h("input", { placeholder: "or a path on the server", "aria-label": "Path on the server",
    list: "server-files" });
  const known = h("datalist", { id: "server-files" });
  void trying(async () => {
    for (const { path: folder, files } of await get("/api/folders")) {
      known.append(...files.map((/** @type {string} */ name) => h("option", { value: `${folder}/${name}` })));
    }
  });
  const form = h("form", { class: "row" }, path, known, h("button", { text: "Add" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (path.value.trim()) void addPath(path.value.trim());
  });
  return h("div", { class: "film-tools add-videos" },
    h("button", { text: "Add videos…", on: { click: () => file.click() } }), form,
    h("button", { text: "Import…", on: { click: showImport } }), file);
}

/** @param {VideoSummary} video */
function card(video) {
  const open = () => {
    body?.closest("dialog")?.close();
    void openVideo(video.id);
  };
  const picture = h("img", { src: frameAddress(video, 0, 320), alt: "", loading: "lazy" });
  const share = video.length ? Math.min(video.tracked_frames / video.length, 1) : 0;
  const meter = h("progress", { max: 1, value: share, "aria-label": "tracked" });
  const mark = h("input", { type: "checkbox", checked: marked.has(video.id), "aria-label": `Mark ${video.name}` });
  mark.addEventListener("change", () => {
    if (mark.checked) marked.add(video.id);
    else marked.delete(video.id);
    marks();
  });
  return h("div", { class: `card${video.id === app.video?.id ? " chosen" : ""}` },
    h("button", { class: "open", on: { click: open } }, picture,
      h("span", { class: "name", text: video.name }),
      h("span", { class: "condition", text: `${several(video.length, "frame")} · ${clock(video.length, video.fps)}` }),
      h("span", { class: "condition", text: conditions(video).join(" · ") })),
    meter, mark, video.missing && removal(video));
}

/** The video that is to be taken out if its button is clicked again. @type {number|null} */
let leaving = null;

/** Takes a video whose file is gone out of the project; asks once more. @param {VideoSummary} video */
function removal(video) {
  const sure = "Remove it? Click again";
  const text = leaving === video.id ? sure : "Remove…"; // the list may be drawn anew between the clicks
  const button = h("button", { class: "plain", text, title: `Take ${video.name} out of the project` });
  button.addEventListener("click", () => {
    if (leaving !== video.id) {
      leaving = video.id;
      button.textContent = sure;
    } else void trying(async () => {
      leaving = null;
      await send("DELETE", `/api/videos/${video.id}`);
      notice(`${video.name} is out of the project. If its file is added again, its objects come back.`, { kind: "done" });
      const other = app.videos.find((one) => one.id !== video.id);
      if (app.video?.id === video.id && other) await openVideo(other.id);
      await refreshList();
    });
  });
  return button;
}

function fill() {
  if (!body) return;
  const shown = wanted();
  const text = app.videos.length ? "No video has these words." : "No video yet. Add one, or drop files on the page.";
  body.replaceChildren(...(shown.length ? shown.map(card) : [h("p", { class: "hint", text })]));
  const part = shown.length < app.videos.length ? `${count(shown.length)} of ` : "";
  found.textContent = `${part}${several(app.videos.length, "video")}`;
  marks();
}

/** What is marked, and what would be annotated. */
function marks() {
  const shown = wanted();
  all.checked = shown.length > 0 && shown.every((video) => marked.has(video.id));
  const many = marked.size || app.videos.length;
  const which = marked.size ? `${count(many)} marked` : many > 1 ? `all ${count(many)}` : "it";
  start.textContent = app.batch ? `Stop annotating (${percent(app.batch.share)})` : `Annotate ${which} automatically`;
  start.disabled = !many;
}

/** @param {string} path */
async function addPath(path) {
  await trying(async () => {
    const added = await send("POST", "/api/videos", { path });
    await refreshList();
    openFirst(added);
  });
}

/** Send files to the server. @param {File[]} files */
export async function upload(files) {
  for (const file of files) {
    notice(`Sending ${file.name}…`, { id: "upload" });
    try {
      const added = await send("POST", `/api/uploads?name=${encodeURIComponent(file.name)}`, file);
      await refreshList();
      notice(`${file.name} is added.`, { kind: "done", id: "upload" });
      openFirst(added);
    } catch (error) {
      closeNotice("upload");
      failed(error);
    }
  }
}

/** Open a video that was added when there was none. @param {any} added */
function openFirst(added) {
  const id = added?.video?.id ?? app.videos.at(-1)?.id;
  if (!app.video && id !== undefined) {
    body?.closest("dialog")?.close();
    void openVideo(id);
  }
}

/** @param {number} share 0..1 */
function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/** Annotate the marked videos, or all; or stop that. */
async function batch() {
  if (app.batch) {
    await trying(() => send("DELETE", "/api/annotate"));
    return;
  }
  const videos = marked.size ? [...marked] : app.videos.map((video) => video.id);
  await trying(async () => {
    await send("POST", "/api/annotate", { videos, prompts: "auto" });
    notice(`${videos.length} video${videos.length > 1 ? "s are" : " is"} annotated automatically. You can go on meanwhile.`);
  });
}

/** The server's news of such work. @param {any} data */
export function onJob(data) {
  const running = data.state === "running";
  const before = app.batch;
  app.batch = running ? { video: data.video, share: data.share ?? 0 } : null;
  announce("batch");
  if (before?.video !== app.batch?.video) announce("reread");
  if (running) return;
  const done = data.state === "done";
  notice(done ? "Automatic annotation is done. Review (R) shows what deserves a look."
    : `Automatic annotation: ${data.message}`, { id: "job", kind: done ? "done" : "error" });
  void refreshList().catch(failed);
}

/** How far automatic annotation is. */
function progress() {
  const button = byId("job");
  button.hidden = !app.batch;
  button.textContent = app.batch ? `Annotating ${percent(app.batch.share)}` : "";
  if (body) marks();
}

function showImport() {
  const known = (app.session?.export_formats ?? []).filter(({ reads }) => reads);
  const format = h("select", {}, ...known.map(({ name, about }) => h("option", { value: name, text: `${about} (${name})` })));
  const which = h("select", {}, h("option", { value: "new", text: "become new objects" }),
    h("option", { value: "same", text: "replace masks of objects with the same id" }));
  const file = h("input", { type: "file", required: true });
  const form = h("form", { class: "stack" },
    h("label", { class: "field" }, h("span", { text: "Format" }), format),
    h("label", { class: "field" }, h("span", { text: "File (or a zip)" }), file),
    h("label", { class: "field" }, h("span", { text: "Tracks" }), which),
    h("p", { class: "hint", text: "The videos must be in this project, under the same names." }),
    h("button", { class: "primary", text: "Import" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = file.files?.[0];
    if (chosen) void trying(async () => {
      const query = new URLSearchParams({ format: format.value, objects: which.value, name: chosen.name });
      const answer = await send("POST", `/api/imports?${query}`, chosen);
      box.close();
      const notes = Array.isArray(answer.notes) ? answer.notes.join(" ") : "";
      notice(`${chosen.name}: ${several(answer.objects, "object")}, ${several(answer.masks, "mask")}. ${notes}`, { kind: "done" });
      await refreshList();
      announce("reread");
    });
  });
  const box = dialog("Import", form);
  box.classList.add("medium");
}

/** Where in the list the video is, and dropping files anywhere. */
export function startVideos() {
  watch("videos review", fill);
  watch("batch", progress);
  search.addEventListener("input", fill);
  search.addEventListener("keydown", (event) => {
    const first = wanted()[0];
    if (event.key !== "Enter" || !first) return;
    body?.closest("dialog")?.close();
    void openVideo(first.id);
  });
  all.addEventListener("change", () => {
    for (const { id } of wanted()) {
      if (all.checked) marked.add(id);
      else marked.delete(id);
    }
    fill();
  });
  start.addEventListener("click", () => void batch());
  watch("video videos", () => {
    const at = app.videos.findIndex((video) => video.id === app.video?.id);
    const name = app.video?.name ?? "no video";
    byId("video-name").title = name;
    byId("video-name").replaceChildren(h("span", { text: name }),
      app.videos.length > 1 ? ` (${at + 1} of ${app.videos.length})` : "");
    byId("drop").hidden = app.videos.length > 0;
    byId("view-controls").hidden = !app.video;
    document.title = app.video ? `${app.video.name} · sam2track` : "sam2track";
  });
  const stop = (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", event.type === "dragover");
    if (event.type === "drop") void upload([...event.dataTransfer.files]);
  };
  for (const name of /** @type {("dragover"|"dragleave"|"drop")[]} */ (["dragover", "dragleave", "drop"])) {
    document.addEventListener(name, stop);
  }
  const file = /** @type {HTMLInputElement} */ (byId("drop-file"));
  file.addEventListener("change", () => void upload([...(file.files ?? [])]));
}
