/** The list of objects, and what can be set of the selected one. */

import { change, connection } from "./api.js";
import { chooseClass, setClass } from "./classes.js";
import { colourOf, COLOURS, inkOn } from "./colours.js";
import { byId, h, icon, later, reveal } from "./dom.js";
import { spanAt } from "./lanes.js";
import { maskOf } from "./maskstore.js";
import { closeNotice, notice, trying } from "./notices.js";
import { mayChange, refresh, said, step } from "./opening.js";
import { newObject } from "./prompting.js";
import { decideAll, stateField, waitingOf } from "./review.js";
import { announce, app, count, selected, title, watch } from "./state.js";
import { select } from "./tools.js";

/** @typedef {import("./types.js").Thing} Thing */

/**
 * Change something of an object; it is shown at once.
 * @param {Thing} one
 * @param {Partial<Thing>} values
 */
export async function changeObject(one, values) {
  if (!mayChange()) return;
  Object.assign(one, values);
  announce("objects");
  await trying(() => change("PATCH", `/api/objects/${one.id}`, values));
  refresh();
}

/** @param {Thing} one */
export async function lock(one) {
  const video = app.video;
  if (!video || !mayChange()) return;
  one.locked = !one.locked;
  announce("objects");
  const body = { object: one.id, locked: one.locked };
  await trying(() => change("POST", `/api/videos/${video.id}/review`, body));
  said(one.locked ? `${title(one)} is locked: tracking does not change it.` : `${title(one)} is open.`);
  refresh();
}

/** @param {Thing} one */
export function hide(one) {
  if (!app.hidden.delete(one.id)) app.hidden.add(one.id);
  announce("objects");
}

/** How many changes there were when an object was removed; later its "Undo" would undo another. */
let removed = 0;

/** Remove the selected object. */
export async function removeObject() {
  const one = selected();
  if (!one || !mayChange()) return;
  await trying(async () => {
    await change("DELETE", `/api/objects/${one.id}`);
    if (app.video) app.video.objects = app.video.objects.filter((each) => each.id !== one.id);
    select(null);
    announce("objects");
    const undo = { text: "Undo", run: () => void step("undo") };
    notice(`${title(one)} is removed with its masks.`, { actions: [undo], id: "removed" });
    removed = connection.made;
  });
  refresh();
}

/** Choose a neighbour in the list. @param {number} by */
export function neighbour(by) {
  const things = app.video?.objects ?? [];
  if (!things.length) return;
  const at = things.findIndex((one) => one.id === app.selected);
  const next = at < 0 ? (by > 0 ? 0 : things.length - 1) : (at + by + things.length) % things.length;
  select(things[next].id);
}

/** @param {Thing} one @returns {string} what the list says of it on this frame */
export function condition(one) {
  const spans = app.lanes.get(one.id) ?? [];
  if (one.state === "accepted") return "accepted";
  if (one.state === "rejected") return one.comment ? `rejected: ${one.comment}` : "rejected";
  const here = spanAt(spans, app.frame);
  if (here?.kind === "absent") return "not in this frame";
  if (here?.kind === "doubtful") return here.why || "doubtful here";
  const waiting = waitingOf(one.id);
  const { why, frame } = waiting[0] ?? {};
  if (waiting.length) {
    return frame === null ? `look at all: ${why}` : `look at frame ${count(frame ?? 0)}`;
  }
  const tracked = spans.reduce((sum, span) => sum + span.stop - span.start, 0);
  if (!tracked) return "no mask yet";
  return tracked === 1 ? "1 frame" : `${count(tracked)} frames`;
}

/** @param {Thing} one */
function row(one) {
  const chosen = one.id === app.selected;
  const colour = colourOf(one);
  const swatch = h("span", { class: "swatch", text: String(one.number) });
  swatch.style.background = colour;
  swatch.style.borderColor = colour;
  swatch.style.color = inkOn(colour);
  const waiting = waitingOf(one.id).length;
  const badge = waiting ? h("span", { class: "badge", title: "to be looked at", text: `? ${waiting}` }) : null;
  const words = h("span", { class: "words" },
    h("span", { class: "name", text: one.name || one.class }),
    h("span", { class: "condition", text: condition(one) }));
  const pick = h("button", { class: "pick", "aria-pressed": String(chosen), title: condition(one),
    "aria-label": `${title(one)}, ${condition(one)}`, on: { click: () => select(chosen ? null : one.id) } },
    swatch, words, badge);
  const hidden = app.hidden.has(one.id);
  const eye = h("button", { class: "small", title: "Hide or show (H)", "aria-pressed": String(hidden),
    "aria-label": `Hide ${title(one)}`, on: { click: () => hide(one) } }, icon(hidden ? "hidden" : "eye"));
  const key = h("button", { class: "small", title: "Lock: tracking does not change it (L)",
    "aria-pressed": String(one.locked), "aria-label": `Lock ${title(one)}`, on: { click: () => void lock(one) } },
    icon(one.locked ? "lock" : "unlocked"));
  const item = h("li", { class: chosen ? "chosen" : "", "data-object": one.id }, pick, eye, key);
  if (hidden) item.classList.add("hidden-object");
  return item;
}

function list() {
  const things = app.video?.objects ?? [];
  const area = byId("objects");
  area.replaceChildren(...things.map(row));
  byId("no-objects").hidden = things.length > 0;
  byId("edit-objects").hidden = !things.length;
  byId("objects-count").textContent = things.length ? String(things.length) : "";
  reveal(area, area.querySelector(".chosen"));
}

/** @param {string} text @param {HTMLElement} control */
function field(text, control) {
  return h("label", { class: "field" }, h("span", { text }), control);
}

/** What can be set of the selected object. */
function details() {
  const area = byId("details");
  const one = selected();
  // What is being typed is not drawn anew under the hands.
  if (area.contains(document.activeElement) && area.dataset.object === String(one?.id)) return;
  area.dataset.object = String(one?.id);
  area.replaceChildren();
  if (!one) return;
  const name = h("input", { value: one.name, placeholder: one.class, "aria-label": "Name" });
  name.addEventListener("change", () => void changeObject(one, { name: name.value.trim() }));
  const shown = maskOf(one.id, app.frame);
  const facts = shown ? `${count(shown.mask.area)} px` : "no mask here";
  const made = shown?.record.made ? ` · ${MADE[shown.record.made] ?? shown.record.made}` : "";
  const score = typeof shown?.record.score === "number" ? ` · score ${shown.record.score.toFixed(2)}` : "";
  area.append(
    h("h2", { text: "This object" }),
    field("Class", classField(one)),
    field("Name", name),
    field("Colour", colourField(one)),
    ...attributes(one),
    stateField("Review", one.state, (state) => void decideAll(state, one.id)),
    h("p", { class: "facts", text: `id ${one.number} · ${facts}${made}${score}` }),
  );
  const clear = { class: "wide danger", on: { click: () => void removeObject() } };
  area.append(h("button", clear, icon("trash"), "Remove object"));
}

const MADE = /** @type {Record<string, string>} */ ({
  prompt: "clicked", propagated: "tracked", brush: "drawn", imported: "imported",
});

/** @param {Thing} one */
function classField(one) {
  const names = [...new Set([...(app.session?.classes ?? []).map(({ name }) => name), one.class])];
  const options = names.map((name) => h("option", { value: name, text: name, selected: name === one.class }));
  const choose = h("select", { id: "class" }, ...options, h("option", { value: "", text: "New class…" }));
  choose.addEventListener("change", () => {
    if (choose.value) void setClass(choose.value);
    else {
      choose.value = one.class;
      chooseClass();
    }
  });
  return choose;
}

/** @param {Thing} one */
function colourField(one) {
  const now = colourOf(one);
  const box = h("span", { class: "colours", role: "group", "aria-label": "Colour" });
  COLOURS.forEach((colour, at) => {
    const pick = h("button", { class: "colour", "aria-label": `Colour ${at + 1}`,
      "aria-pressed": String(colour === now), on: { click: () => void changeObject(one, { colour }) } });
    pick.style.background = colour;
    box.append(pick);
  });
  return box;
}

/** @param {Thing} one @returns {HTMLElement[]} */
function attributes(one) {
  const known = app.session?.classes.find(({ name }) => name === one.class)?.attributes ?? [];
  return known.map((attribute) => {
    const value = one.attributes[attribute.name] ?? attribute.default ?? "";
    const set = (/** @type {string} */ text) =>
      void changeObject(one, { attributes: { ...one.attributes, [attribute.name]: text } });
    if (attribute.type === "checkbox") {
      const box = h("input", { type: "checkbox", checked: value === "true" });
      box.addEventListener("change", () => set(String(box.checked)));
      return field(attribute.name, box);
    }
    if (attribute.type === "select") {
      const options = attribute.values.map((text) => h("option", { text, selected: text === value }));
      const choose = h("select", {}, ...options);
      choose.addEventListener("change", () => set(choose.value));
      return field(attribute.name, choose);
    }
    const input = h("input", { type: attribute.type === "number" ? "number" : "text", value });
    input.addEventListener("change", () => set(input.value));
    return field(attribute.name, input);
  });
}

/** Begin to show. */
export function startObjects() {
  byId("new-object").addEventListener("click", newObject);
  // While frames run the lists wait: they are made anew, which takes longer than a frame may.
  const soon = later(() => {
    list();
    details();
  }, 80);
  watch("objects selection video", list);
  watch("objects selection video session", details);
  watch("frame masks lanes review", soon);
  let opened = app.video?.id;
  watch("connection video", () => {
    if (connection.made !== removed || app.video?.id !== opened) closeNotice("removed");
    opened = app.video?.id;
  });
}
