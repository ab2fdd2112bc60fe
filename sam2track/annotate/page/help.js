/** The list of all commands: searched, run, and given other keys. */

import { COMMANDS } from "./commands.js";
import { h, remember, remembered } from "./dom.js";
import { exportKeys, importKeys, keyName, keysOf, resetKeys, setKey } from "./keys.js";
import { dialog } from "./notices.js";

/** Offer a text as a file.
 * @param {string} name
 * @param {string} text
 */
function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Show all commands. */
export function showHelp() {
  const search = h("input", { type: "search", placeholder: "Search commands", "aria-label": "Search commands" });
  const list = h("div", { class: "commands" });
  const said = h("p", { class: "hint", role: "status" });
  const file = h("input", { type: "file", accept: ".json", hidden: true });
  const buttons = h("div", { class: "row" },
    h("button", { text: "Export keys", on: { click: () => download("sam2track-keys.json", exportKeys()) } }),
    h("button", { text: "Import keys", on: { click: () => file.click() } }),
    h("button", { text: "All keys as they were", on: { click: () => { resetKeys(); fill(); } } }), file);
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    if (chosen) importKeys(await chosen.text());
    fill();
  });

  const fill = () => {
    const words = search.value.toLowerCase().split(" ").filter(Boolean);
    list.replaceChildren();
    let group = "";
    for (const command of COMMANDS) {
      const text = `${command.group} ${command.name} ${keysOf(command).join(" ")}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
      if (command.group !== group) list.append(h("h3", { text: command.group }));
      group = command.group;
      list.append(row(command));
    }
    if (!list.children.length) list.append(h("p", { class: "hint", text: "No command has these words." }));
  };

  /** @param {import("./commands.js").Command} command */
  const row = (command) => {
    const keys = keysOf(command).map((key) => h("kbd", { text: key }));
    const change = h("button", { class: "keys", "aria-label": `Change the key of: ${command.name}`,
      title: "Change the key" }, ...(keys.length ? keys : ["none"]));
    change.addEventListener("click", () => {
      change.replaceChildren("Press keys…");
      change.classList.add("listening");
      change.focus();
    });
    change.addEventListener("blur", () => change.classList.contains("listening") && fill());
    change.addEventListener("keydown", (event) => {
      if (!change.classList.contains("listening")) return;
      event.preventDefault();
      event.stopPropagation();
      const key = keyName(event);
      if (!key) return;
      change.classList.remove("listening");
      const loser = key === "Escape" && command.id !== "escape" ? null : setKey(command.id, key);
      said.textContent = loser ? `${loser.name} has no ${key} any more.` : "";
      fill();
    });
    const start = h("button", { class: "choice", text: command.name });
    start.addEventListener("click", () => {
      box.close();
      command.run();
    });
    return h("div", { class: "command" }, start, change);
  };

  search.addEventListener("input", fill);
  fill();
  const mouse = h("p", { class: "hint", text: "Mouse: wheel zooms, middle button moves the picture, right button "
    + "clicks “not this”, Alt+wheel sizes the brush, Alt+drag on the ruler makes a range." });
  const name = h("input", { value: remembered("who", ""), placeholder: "as the server knows you" });
  name.addEventListener("change", () => remember("who", name.value.trim()));
  const who = h("label", { class: "field name-field" }, h("span", { text: "Your name" }), name);
  const box = dialog("Commands and keys", search, said, list, mouse, buttons, who);
  box.classList.add("large");
  search.focus();
}
