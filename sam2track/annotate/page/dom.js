/** Elements made from values; text is always set as text, never as markup. */

/**
 * Make an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props] `class`, `text`, `on` ({event: listener}), properties of the
 *   element, or attributes (names with "-", and role); null and undefined are left out
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, /** @type {EventListener} */ (listener));
      }
    } else if (name.includes("-") || name === "role" || name === "for" || name === "list") {
      element.setAttribute(name, String(value));
    } else /** @type {any} */ (element)[name] = value;
  }
  element.append(.../** @type {(Node|string)[]} */ (children.filter((child) => child)));
  return element;
}

/**
 * The element with an id; it must be there.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element ${id}`);
  return element;
}

/** Whether fingers are what the page is used with: no keys to tell of. */
export const TOUCH = matchMedia("(hover: none) and (pointer: coarse)").matches;

/** @param {string} text @param {string} key @returns {string} such as "Stop (Esc)" */
export function withKey(text, key) {
  return TOUCH ? text : `${text} (${key})`;
}

/**
 * A colour of the theme as a canvas takes it: light-dark() is resolved.
 * @param {string} name such as "accent", for --accent
 */
export function themeColour(name) {
  const probe = document.body.appendChild(h("i"));
  probe.style.color = `var(--${name})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** @param {string} id @returns {HTMLCanvasElement} */
export function canvasById(id) {
  return /** @type {HTMLCanvasElement} */ (byId(id));
}

const SHAPES = /** @type {Record<string, string>} */ ({
  select: "M5 3l13 8-6 1.5L8.5 19z",
  point: "M12 4v16M4 12h16",
  box: "M5 6h14v12H5z",
  brush: "M4 20c3 0 5-1 5-4l9-10 2 2-10 9c0 3-3 4-6 3z",
  eraser: "M4 16l9-10 7 6-7 8H8zM9 10l7 7M11 20h9",
  polygon: "M12 3l8 6-3 10H7L4 9z",
  corners: "M7 7l11 1-2 9-9-2zM5 5h4v4H5zM16 6h4v4h-4zM14 15h4v4h-4zM5 13h4v4H5z",
  play: "M7 4l12 8-12 8z",
  pause: "M7 4v16M17 4v16",
  next: "M8 5l8 7-8 7",
  previous: "M16 5l-8 7 8 7",
  last: "M6 5l8 7-8 7M18 5v14",
  first: "M18 5l-8 7 8 7M6 5v14",
  undo: "M8 5L4 9l4 4M4 9h10a5 5 0 010 10h-4",
  redo: "M16 5l4 4-4 4M20 9H10a5 5 0 000 10h4",
  eye: "M2 12s4-6 10-6 10 6 10 6-4 6-10 6S2 12 2 12zM12 9.500a2.500 2.500 0 110 5 2.500 2.500 0 010-5",
  hidden: "M2 12s4-6 10-6 10 6 10 6-4 6-10 6S2 12 2 12zM4 20L20 4",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 017 0v3",
  unlocked: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 016.500-2",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M10.500 11v5M13.500 11v5",
  plus: "M12 5v14M5 12h14",
  forward: "M4 12h15M13 6l6 6-6 6",
  back: "M20 12H5M11 6l-6 6 6 6",
  both: "M4 12h16M8 8l-4 4 4 4M16 8l4 4-4 4",
  range: "M5 5v14M19 5v14M5 12h14",
  stop: "M6 6h12v12H6z",
  list: "M4 6h16M4 12h16M4 18h16",
  theme: "M20 14A8 8 0 1110 4a6.500 6.500 0 0010 10z",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
});

/**
 * A picture of a command, hidden from screen readers: the button around it has the name.
 * @param {string} name of SHAPES
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", SHAPES[name] ?? "");
  svg.append(path);
  return svg;
}

/**
 * Scroll a list so that one of its rows is seen; the page itself stays where it is.
 * @param {HTMLElement} list
 * @param {Element|null} row
 */
export function reveal(list, row) {
  if (!(row instanceof HTMLElement)) return;
  const top = row.offsetTop - list.offsetTop;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + row.offsetHeight > list.scrollTop + list.clientHeight) {
    list.scrollTop = top + row.offsetHeight - list.clientHeight;
  }
}

/** Run a function once in the next animation frame, however often it is asked for.
 * @param {() => void} work
 */
export function onFrame(work) {
  let asked = 0;
  return () => {
    if (!asked) {
      asked = requestAnimationFrame(() => {
        asked = 0;
        work();
      });
    }
  };
}

/**
 * Run a function some time after it was last asked for.
 * @param {() => void} work
 * @param {number} milliseconds
 */
export function later(work, milliseconds) {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

/** @param {string} key @param {any} fallback @returns {any} a value that this browser remembers */
export function remembered(key, fallback) {
  try {
    const text = localStorage.getItem(`sam2track.${key}`);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

/** @param {string} key @param {any} value */
export function remember(key, value) {
  try {
    localStorage.setItem(`sam2track.${key}`, JSON.stringify(value));
  } catch {
    // Private windows may forbid it; then the choice lasts until the page is closed.
  }
}
