/** The keyboard: which keys run which command; readers may change them, and keep them in a file. */

import { COMMANDS } from "./commands.js";
import { remember, remembered } from "./dom.js";
import { failed } from "./notices.js";
import { announce } from "./state.js";

/** @typedef {import("./commands.js").Command} Command */

/** @type {Record<string, string[]>} the keys that the reader changed, by command */
let own = remembered("keys", {});

const NAMES = /** @type {Record<string, string>} */ ({
  " ": "Space", ArrowLeft: "Left", ArrowRight: "Right", ArrowUp: "Up", ArrowDown: "Down",
});

/**
 * The name of the keys of an event, such as "Ctrl+Shift+Z"; empty for a lone modifier.
 * @param {KeyboardEvent} event
 */
export function keyName(event) {
  if (["Control", "Shift", "Alt", "Meta", "AltGraph", "Dead"].includes(event.key)) return "";
  let key = NAMES[event.key] ?? event.key;
  let shift = event.shiftKey;
  // Digits by their place, so that Shift+1 is the same on every keyboard.
  const digit = /^Digit(\d)$/.exec(event.code);
  if (digit && !event.altKey) key = digit[1];
  else if (event.code === "Equal" && shift) key = "=";
  else if (event.code === "Minus" && shift) key = "-";
  else if (key.length === 1) {
    const upper = key.toUpperCase();
    // Of signs such as "?" Shift is a part.
    if (upper === key.toLowerCase()) shift = false;
    key = upper;
  }
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  return `${control}${shift ? "Shift+" : ""}${event.altKey ? "Alt+" : ""}${key}`;
}

/** @param {Command} command @returns {string[]} */
export function keysOf(command) {
  return own[command.id] ?? command.keys;
}

/** @param {string} id @returns {string} the first key of a command, for its button */
export function keyFor(id) {
  const command = COMMANDS.find((one) => one.id === id);
  return command ? (keysOf(command)[0] ?? "") : "";
}

/** @param {string} key @returns {Command|undefined} */
export function commandOf(key) {
  return COMMANDS.find((command) => keysOf(command).includes(key));
}

/**
 * Give a command another key; another command that had it loses it.
 * @param {string} id
 * @param {string} key
 * @returns {Command|null} the one that lost it
 */
export function setKey(id, key) {
  const loser = commandOf(key);
  if (loser && loser.id !== id) own[loser.id] = keysOf(loser).filter((one) => one !== key);
  own[id] = [key];
  store();
  return loser && loser.id !== id ? loser : null;
}

/** All keys as they were. */
export function resetKeys() {
  own = {};
  store();
}

function store() {
  remember("keys", own);
  announce("keys");
}

/** @returns {string} all keys as JSON, to be kept and read again */
export function exportKeys() {
  const all = Object.fromEntries(COMMANDS.map((command) => [command.id, keysOf(command)]));
  return JSON.stringify({ sam2track_keys: 1, keys: all }, null, 2);
}

/** @param {string} text what exportKeys gave */
export function importKeys(text) {
  try {
    const { keys } = JSON.parse(text);
    /** @type {Record<string, string[]>} */
    const read = {};
    for (const command of COMMANDS) {
      const given = keys[command.id];
      if (!Array.isArray(given) || !given.every((one) => typeof one === "string")) continue;
      if (given.join() !== command.keys.join()) read[command.id] = given;
    }
    own = read;
    store();
  } catch {
    failed(new Error("This is no file of keys. Choose one that was exported here."));
  }
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const target = /** @type {HTMLElement} */ (event.target);
  const name = keyName(event);
  const typing = target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
  if (typing) {
    if (name === "Escape" || (name === "Enter" && target.matches("input"))) target.blur();
    return;
  }
  // Enter and Space press the button that has the focus.
  if ((name === "Enter" || name === "Space") && target.closest("button, a")) return;
  if (target.matches("input[type=range]") && /Left|Right|Up|Down|Home|End/.test(name)) return;
  const command = commandOf(name);
  if (command && command.run() !== false) event.preventDefault();
}

/** Begin to listen. */
export function startKeys() {
  document.addEventListener("keydown", pressed);
}
