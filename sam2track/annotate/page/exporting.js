/** Export: what is written, where it is, and what the format could not hold. */

import { send } from "./api.js";
import { h } from "./dom.js";
import { dialog, failed } from "./notices.js";
import { app, several } from "./state.js";

/** @param {number} bytes @returns {string} */
function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {string} name @param {HTMLElement} control */
function field(name, control) {
  return h("label", { class: "field" }, h("span", { text: name }), control);
}

/** Ask what to export, write it, and show the files. */
export function showExport() {
  const formats = app.session?.export_formats ?? [];
  const format = h("select", { id: "export-format" },
    ...formats.map(({ name, about }) => h("option", { value: name, text: `${about} (${name})` })));
  const frames = h("select", { id: "export-frames" }, ...[
    ["all", "all frames with a mask"], ["annotated", "frames that a person clicked or drew"],
    ["accepted", "accepted frames"], ["every 5", "every 5th frame"], ["every 10", "every 10th frame"],
  ].map(([value, text]) => h("option", { value, text })));
  const which = h("select", { id: "export-videos" },
    h("option", { value: "this", text: app.video ? `this video (${app.video.name})` : "this video" }),
    h("option", { value: "all", text: `all ${app.videos.length} videos` }));
  const classes = (app.session?.classes ?? []).map(({ name }) => {
    const box = h("input", { type: "checkbox", checked: true, value: name });
    return h("label", { class: "check" }, box, name);
  });
  const result = h("div", { class: "result", role: "status" });
  const start = h("button", { class: "primary", text: "Export" });
  const form = h("form", { class: "stack" }, field("Format", format), field("Frames", frames),
    field("Videos", which),
    classes.length > 1 ? h("fieldset", {}, h("legend", { text: "Classes" }), ...classes) : null, start);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    start.textContent = "Writing…";
    const chosen = classes.map((label) => /** @type {HTMLInputElement} */ (label.firstElementChild))
      .filter((box) => box.checked).map((box) => box.value);
    const body = {
      format: format.value,
      frames: frames.value,
      classes: chosen.length === classes.length ? null : chosen,
      videos: which.value === "this" && app.video ? [app.video.id] : app.videos.map((video) => video.id),
    };
    try {
      result.replaceChildren(...done(await send("POST", "/api/exports", body)));
    } catch (error) {
      result.replaceChildren();
      failed(error);
    }
    start.disabled = false;
    start.textContent = "Export";
  });
  dialog("Export", form, result).classList.add("medium");
}

/**
 * @param {{id: string|number, folder?: string, files: {name: string, size: number}[], notes: string[],
 *   objects?: number, frames?: number}} made
 */
function done(made) {
  const links = made.files.map(({ name, size: bytes }) => {
    const path = name.split("/").map(encodeURIComponent).join("/");
    const link = h("a", { href: `/api/exports/${made.id}/${path}`, download: name.split("/").at(-1), text: name });
    return h("li", {}, link, h("span", { class: "weak", text: ` ${size(bytes)}` }));
  });
  const counts = made.objects === undefined ? "" : `, ${several(made.objects, "object")} on ${several(made.frames ?? 0, "frame")}`;
  const where = made.folder ? ` in ${made.folder}` : "";
  return [
    h("p", { class: "good", text: `✓ Exported ${several(made.files.length, "file")}${counts}${where}.` }),
    h("ul", { class: "files" }, ...links),
    ...made.notes.map((note) => h("p", { class: "note", text: note })),
  ];
}
