/** Short lines that say what happened, and questions; read aloud by screen readers. */

import { connection, Refused } from "./api.js";
import { byId, h } from "./dom.js";

/** @typedef {{text: string, run: () => void, key?: string}} Action */

/**
 * Say something. Errors stay until they are closed, the rest goes after some seconds.
 * @param {string} text
 * @param {{kind?: "info"|"error"|"done", actions?: Action[], id?: string}} [options] a notice
 *   replaces the one with the same id
 */
export function notice(text, options = {}) {
  const kind = options.kind ?? "info";
  const area = byId("notices");
  // What lies under an open dialog can neither be read nor closed.
  [...document.querySelectorAll("dialog:modal")].at(-1)?.append(area);
  const id = options.id ?? text;
  area.querySelector(`[data-id="${CSS.escape(id)}"]`)?.remove();
  const line = h("div", { class: `notice ${kind}`, "data-id": id });
  line.append(h("span", { class: "sign", "aria-hidden": "true", text: SIGNS[kind] }));
  line.append(h("span", { class: "text", text }));
  for (const action of options.actions ?? []) {
    const run = () => {
      line.remove();
      action.run();
    };
    line.append(h("button", { class: "plain", text: action.text, on: { click: run } }));
  }
  const close = { class: "plain close", text: "×", "aria-label": "Close", on: { click: () => line.remove() } };
  line.append(h("button", close));
  area.append(line);
  while (area.children.length > 4) area.firstElementChild?.remove();
  if (kind !== "error" && !options.actions) setTimeout(() => line.remove(), 5000);
}

const SIGNS = { info: "i", error: "!", done: "✓" };

/** @param {string} id */
export function closeNotice(id) {
  byId("notices").querySelector(`[data-id="${CSS.escape(id)}"]`)?.remove();
}

/** Show what went wrong. @param {unknown} error */
export function failed(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  // While the server is gone the bar says so.
  if (!connection.up && !(error instanceof Refused)) return;
  notice(error instanceof Error ? error.message : String(error), { kind: "error" });
}

/** Run something and show what goes wrong.
 * @param {() => Promise<unknown>} work
 */
export async function trying(work) {
  try {
    await work();
  } catch (error) {
    failed(error);
  }
}

/**
 * A dialog; it is closed by Esc, by its button, or by `close`.
 * @param {string} name
 * @param {...(Node|string)} children
 */
export function dialog(name, ...children) {
  const close = h("button", { class: "plain close", text: "×", "aria-label": "Close" });
  const body = h("div", { class: "body" }, ...children);
  // The button is last, so that the focus begins in what the dialog is about.
  const box = h("dialog", { "aria-label": name }, h("h2", { text: name }), body, close);
  close.addEventListener("click", () => box.close());
  box.addEventListener("close", () => {
    const area = byId("notices");
    if (box.contains(area)) byId("stage").append(area);
    box.remove();
  });
  // At once; the browser's own way takes a moment, in which keys would be lost.
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    // A field that keeps the focus for a moment would take the next key.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    box.close();
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Ask for a line of text; null if it was left.
 * @param {string} question
 * @param {string} button
 * @param {string[]} [suggestions]
 * @returns {Promise<string|null>}
 */
export function askText(question, button, suggestions = []) {
  return new Promise((resolve) => {
    const input = h("input", { type: "text", "aria-label": question });
    /** @type {string|null} */
    let answer = null;
    const form = h("form", { class: "ask" }, h("label", {}, question, input));
    const choices = h("div", { class: "row" });
    for (const text of suggestions) {
      const choose = () => {
        answer = text;
        box.close();
      };
      choices.append(h("button", { type: "button", text, on: { click: choose } }));
    }
    form.append(choices, h("button", { class: "primary", text: button }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer = input.value.trim();
      box.close();
    });
    const box = dialog(button, form);
    box.addEventListener("close", () => resolve(answer));
    input.focus();
  });
}
