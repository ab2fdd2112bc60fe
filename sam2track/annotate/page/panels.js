/** Panels that resize and hide, the theme, and the controls under the canvas. */

import { byId, h, icon, remember, remembered } from "./dom.js";
import { seek } from "./playback.js";
import { announce, app, clock, count, watch } from "./state.js";
import { setBrushSize, setTool, TOOLS } from "./tools.js";
import { view } from "./view.js";

/** @typedef {"left"|"right"} Side */

const sizes = remembered("sizes", { right: 264, bottom: 190 });

/** @param {Side} side */
export function togglePanel(side) {
  const closed = document.body.classList.toggle(`no-${side}`);
  remember(`no-${side}`, closed);
}

/** Dark, light. */
export function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("theme", root.dataset.theme);
  announce("settings");
}

/** @param {"outlines"|"onlySelected"|"compare"} what */
export function toggle(what) {
  app[what] = !app[what];
  if (what === "outlines") remember(what, app[what]);
  announce("settings", "objects", "view");
}

/** @param {"opacity"} what @param {number} by */
export function changeSize(what, by) {
  app[what] = Math.min(Math.max(Math.round((app[what] + by) * 20) / 20, 0), 1);
  remember(what, app[what]);
  announce("settings", "objects");
}

/** @param {string} id @param {(x: number, y: number) => void} moved */
function handle(id, moved) {
  const bar = byId(id);
  bar.addEventListener("pointerdown", (event) => {
    bar.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ now) => moved(now.clientX, now.clientY);
    bar.addEventListener("pointermove", move);
    bar.addEventListener("lostpointercapture", () => {
      bar.removeEventListener("pointermove", move);
      remember("sizes", sizes);
    }, { once: true });
  });
}

function applySizes() {
  document.body.style.setProperty("--right", `${sizes.right}px`);
  document.body.style.setProperty("--bottom", `${sizes.bottom}px`);
}

/** @param {(id: string) => string} keyFor */
function toolbar(keyFor) {
  const buttons = TOOLS.map(({ id, name, about }) => {
    const shape = id === "polygon-minus" ? "polygon" : id;
    const button = h("button", { class: "tool", "data-tool": id, on: { click: () => setTool(id) } },
      icon(shape), h("span", { text: name }), h("kbd"));
    const label = () => {
      const key = keyFor(id);
      /** @type {HTMLElement} */ (button.lastElementChild).textContent = key.replace("Shift+", "⇧");
      button.title = `${about} (${key})`;
    };
    label();
    watch("keys", label);
    return button;
  });
  byId("tools").append(...buttons);
  const mark = () => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.tool === app.tool));
    byId("brush-settings").hidden = app.tool !== "brush" && app.tool !== "eraser";
    byId("point-settings").hidden = app.tool !== "point";
    byId("negative").setAttribute("aria-pressed", String(app.negative));
    /** @type {HTMLInputElement} */ (byId("brush-size")).value = String(app.brushSize);
    byId("brush-pixels").textContent = `${app.brushSize} px`;
  };
  watch("tool", mark);
  mark();
}

function readouts() {
  const video = app.video;
  const number = /** @type {HTMLInputElement} */ (byId("frame-number"));
  if (document.activeElement !== number) number.value = String(app.frame);
  byId("frame-count").textContent = `/ ${count(Math.max((video?.length ?? 1) - 1, 0))}`;
  byId("time").textContent = clock(app.frame, video?.fps ?? 25);
  byId("zoom").textContent = `${Math.round(view.scale * 100)} %`;
}

/** Begin. @param {(id: string) => string} keyFor */
export function startPanels(keyFor) {
  const theme = remembered("theme", null);
  if (theme) document.documentElement.dataset.theme = theme;
  for (const side of ["left", "right"]) {
    document.body.classList.toggle(`no-${side}`, remembered(`no-${side}`, false));
  }
  applySizes();
  handle("resize-right", (x) => {
    sizes.right = Math.min(Math.max(innerWidth - x, 180), innerWidth / 2);
    applySizes();
  });
  handle("resize-bottom", (_, y) => {
    sizes.bottom = Math.min(Math.max(innerHeight - y - 40, 60), innerHeight / 1.6);
    applySizes();
  });
  toolbar(keyFor);
  const opacity = /** @type {HTMLInputElement} */ (byId("opacity"));
  opacity.addEventListener("input", () => changeSize("opacity", Number(opacity.value) - app.opacity));
  const size = /** @type {HTMLInputElement} */ (byId("brush-size"));
  size.addEventListener("input", () => setBrushSize(Number(size.value)));
  const negative = byId("negative");
  negative.addEventListener("click", () => {
    app.negative = !app.negative;
    announce("tool");
  });
  const number = /** @type {HTMLInputElement} */ (byId("frame-number"));
  number.addEventListener("change", () => {
    const frame = Number(number.value);
    if (Number.isFinite(frame)) seek(frame);
    readouts();
  });
  const settings = () => {
    opacity.value = String(app.opacity);
    byId("only").setAttribute("aria-pressed", String(app.onlySelected));
    byId("outlines").setAttribute("aria-pressed", String(app.outlines));
    byId("compare").setAttribute("aria-pressed", String(app.compare));
  };
  watch("settings", settings);
  settings();
  watch("frame video view", readouts);
  watch("playing", () => {
    byId("play").replaceChildren(icon(app.playing ? "pause" : "play"));
    byId("play").setAttribute("aria-label", app.playing ? "Stop" : "Play");
  });
}
