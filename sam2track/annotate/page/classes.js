/** Classes: the one of an object or of the next one, and which attributes a class has. */

import { change } from "./api.js";
import { h } from "./dom.js";
import { dialog, failed, trying } from "./notices.js";
import { changeObject } from "./objects.js";
import { refreshList, said } from "./opening.js";
import { announce, app, selected } from "./state.js";

/** @typedef {import("./types.js").Attribute} Attribute */

/** @param {string} name */
export async function setClass(name) {
  app.nextClass = name;
  const one = selected();
  if (one) await changeObject(one, { class: name });
  else said(`New objects become a ${name}.`);
  const known = app.session?.classes;
  if (known && !known.some((each) => each.name === name)) {
    known.push({ name, colour: null, attributes: [] });
    announce("objects");
  }
}

/** Choose the class of the selected object, or of the next one: by a digit, a click, or its name. */
export function chooseClass() {
  const names = (app.session?.classes ?? []).map(({ name }) => name);
  const input = h("input", { "aria-label": "Another class", placeholder: "Another class" });
  const form = h("form", { class: "row" }, input, h("button", { class: "primary", text: "Use" }));
  const choices = names.map((name, at) => h("button", { class: "choice", on: { click: () => use(name) } },
    h("kbd", { text: at < 9 ? String(at + 1) : " " }), name));
  const box = dialog("Class", h("div", { class: "choices" }, ...choices), form, attributes());
  const use = (/** @type {string} */ name) => {
    box.close();
    if (name) setClass(name).catch(failed);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    use(input.value.trim());
  });
  box.addEventListener("keydown", (event) => {
    const at = Number(event.key) - 1;
    if (document.activeElement?.matches("input, textarea") || !names[at]) return;
    event.preventDefault();
    use(names[at]);
  });
}

/** The attributes of the class of the selected object or of the next one, a line each. */
function attributes() {
  const name = selected()?.class ?? app.nextClass;
  const known = app.session?.classes.find((each) => each.name === name);
  const lines = h("textarea", { rows: 4, value: (known?.attributes ?? []).map(lineOf).join("\n") });
  const save = h("button", { text: "Save attributes" });
  const form = h("form", { class: "stack" },
    h("label", {}, `A line for each: name, or name: kind (text, number, yes/no), or name: value, value`, lines), save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = lines.value.split("\n").filter((line) => line.trim()).map(attributeOf);
    void trying(async () => {
      await change("POST", "/api/classes", { name, colour: known?.colour ?? null, attributes: given });
      await refreshList();
      announce("objects");
      form.closest("dialog")?.close();
      said(`A ${name} has ${given.length} attribute${given.length === 1 ? "" : "s"}.`);
    });
  });
  return h("details", {}, h("summary", { text: `Attributes of ${name}` }), form);
}

/** @param {Attribute} one */
function lineOf(one) {
  if (one.type === "select") return `${one.name}: ${one.values.join(", ")}`;
  if (one.type === "checkbox") return `${one.name}: yes/no`;
  return one.type === "number" ? `${one.name}: number` : one.name;
}

/** @param {string} line @returns {Attribute} */
export function attributeOf(line) {
  const [name, ...rest] = line.split(":");
  const kind = rest.join(":").trim();
  const base = { name: name.trim(), values: [], default: "" };
  if (kind === "yes/no") return { ...base, type: "checkbox", default: "false" };
  if (kind === "number") return { ...base, type: "number", default: "0" };
  if (!kind || kind === "text") return { ...base, type: "text" };
  const values = kind.split(",").map((text) => text.trim()).filter(Boolean);
  return { ...base, type: "select", values, default: values[0] };
}
