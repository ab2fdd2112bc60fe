/** Lanes of the timeline: spans of frames with one kind each, and how a kind is drawn. */

/** @typedef {import("./types.js").Span} Span */

/** Names of the kinds, for people. */
export const KINDS = /** @type {Record<string, string>} */ ({
  prompted: "clicked",
  propagated: "tracked",
  doubtful: "doubtful",
  absent: "not in the frame",
  brush: "drawn by hand",
  imported: "imported",
  stale: "follows from older clicks",
  accepted: "accepted",
  locked: "locked",
  rejected: "rejected",
});

/**
 * Set the kind of some frames in sorted spans.
 * @param {Span[]} spans
 * @param {Span} given
 * @returns {Span[]} new spans
 */
export function paintSpan(spans, given) {
  const result = [];
  let placed = false;
  for (const span of spans) {
    if (span.stop <= given.start) result.push(span);
    else {
      if (span.start < given.start) result.push({ ...span, stop: given.start });
      if (!placed) result.push(given);
      placed = true;
      if (span.stop > given.stop) result.push({ ...span, start: Math.max(span.start, given.stop) });
    }
  }
  if (!placed) result.push(given);
  return joined(result);
}

/** @param {Span[]} spans @returns {Span[]} neighbours of one kind as one */
function joined(spans) {
  /** @type {Span[]} */
  const result = [];
  for (const span of spans) {
    const last = result.at(-1);
    const same = last && last.kind === span.kind && last.stop === span.start && last.why === span.why;
    if (same) result[result.length - 1] = { ...last, stop: span.stop };
    else result.push(span);
  }
  return result;
}

/** @param {Span[]} spans @param {number} frame @returns {number} the place of the first that ends after a frame */
export function firstAfter(spans, frame) {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle].stop > frame) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** @param {Span[]} spans @param {number} frame @returns {Span|null} the span of a frame */
export function spanAt(spans, frame) {
  const span = spans[firstAfter(spans, frame)];
  return span && span.start <= frame ? span : null;
}

/** @param {Span[]} spans @returns {boolean} whether an object has more than what a person gave */
export function wasTracked(spans) {
  return spans.some(({ kind }) => kind !== "prompted" && kind !== "brush");
}

/**
 * The frames that follow older clicks, without those at the ends that a person clicked or drew:
 * there the mask is the click's own.
 * @template {{start: number, stop: number}} T
 * @param {T} stale
 * @param {Span[]} spans of its object
 * @returns {T} empty if stop <= start
 */
export function withoutClicked(stale, spans) {
  let { start, stop } = stale;
  const clicked = (/** @type {number} */ frame) => {
    const span = spanAt(spans, frame);
    return span && (span.kind === "prompted" || span.kind === "brush") ? span : null;
  };
  for (let span = clicked(start); span && start < stop; span = clicked(start)) start = span.stop;
  for (let span = clicked(stop - 1); span && start < stop; span = clicked(stop - 1)) stop = span.start;
  return { ...stale, start, stop };
}

/**
 * Draw a span; each kind has a shape of its own, so that colour is not all that tells them apart.
 * @param {CanvasRenderingContext2D} on
 * @param {string} kind
 * @param {number} x0
 * @param {number} x1
 * @param {number} y the middle of the lane
 * @param {string} colour
 * @param {{text: string, back: string}} theme
 */
export function drawSpan(on, kind, x0, x1, y, colour, theme) {
  const width = Math.max(x1 - x0, 1);
  on.fillStyle = colour;
  on.globalAlpha = 1;
  if (kind === "absent") on.fillRect(x0, y - 1, width, 2);
  else if (kind === "doubtful") dots(on, x0, width, y);
  else if (kind === "stale") hatch(on, x0, width, y, colour);
  else if (kind === "accepted" || kind === "locked") {
    on.fillRect(x0, y - 6, width, 12);
    if (width > 14 && kind === "accepted") tick(on, x0 + width / 2, y);
    if (width > 14 && kind === "locked") drawLock(on, x0 + width / 2, y, "#000", "#fff");
  } else if (kind === "rejected") {
    on.fillRect(x0, y - 1, width, 2);
    for (let x = x0 + 4; x < x0 + width - 1; x += 12) cross(on, x, y, theme.text);
  } else {
    on.globalAlpha = kind === "imported" ? 0.5 : 0.85;
    on.fillRect(x0, y - 4, width, 8);
    on.globalAlpha = 1;
    if (kind === "prompted") diamond(on, x0, width, y, theme);
    if (kind === "brush") square(on, x0, width, y, theme);
  }
  on.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} on @param {number} x0 @param {number} width @param {number} y */
function dots(on, x0, width, y) {
  for (let x = x0; x < x0 + width; x += 5) on.fillRect(x, y - 4, Math.min(2.5, x0 + width - x), 8);
}

/**
 * @param {CanvasRenderingContext2D} on @param {number} x0 @param {number} width @param {number} y
 * @param {string} colour
 */
function hatch(on, x0, width, y, colour) {
  on.save();
  on.beginPath();
  on.rect(x0, y - 5, width, 10);
  on.clip();
  on.globalAlpha = 0.25;
  on.fillRect(x0, y - 5, width, 10);
  on.globalAlpha = 1;
  on.strokeStyle = colour;
  on.lineWidth = 1.5;
  on.beginPath();
  for (let x = x0 - 10; x < x0 + width; x += 6) {
    on.moveTo(x, y + 5);
    on.lineTo(x + 10, y - 5);
  }
  on.stroke();
  on.restore();
}

/** @param {CanvasRenderingContext2D} on @param {number} x @param {number} y */
function tick(on, x, y) {
  on.lineCap = "round";
  for (const [width, ink] of /** @type {[number, string][]} */ ([[5, "#fff"], [2, "#000"]])) {
    on.lineWidth = width;
    on.strokeStyle = ink;
    on.beginPath();
    on.moveTo(x - 4, y);
    on.lineTo(x - 1, y + 3);
    on.lineTo(x + 4, y - 3);
    on.stroke();
  }
  on.lineCap = "butt";
}

/**
 * A padlock.
 * @param {CanvasRenderingContext2D} on @param {number} x @param {number} y
 * @param {string} ink
 * @param {string|null} back behind it
 */
export function drawLock(on, x, y, ink, back) {
  if (back) {
    on.fillStyle = back;
    on.fillRect(x - 6, y - 6, 12, 12);
  }
  on.fillStyle = on.strokeStyle = ink;
  on.fillRect(x - 4, y - 1, 8, 6);
  on.lineWidth = 1.5;
  on.beginPath();
  on.arc(x, y - 1.5, 2.5, Math.PI, 0);
  on.stroke();
}

/** @param {CanvasRenderingContext2D} on @param {number} x @param {number} y @param {string} ink */
function cross(on, x, y, ink) {
  on.strokeStyle = ink;
  on.lineWidth = 1.5;
  on.beginPath();
  on.moveTo(x - 3, y - 3);
  on.lineTo(x + 3, y + 3);
  on.moveTo(x + 3, y - 3);
  on.lineTo(x - 3, y + 3);
  on.stroke();
}

/**
 * @param {CanvasRenderingContext2D} on @param {number} x0 @param {number} width @param {number} y
 * @param {{text: string, back: string}} theme
 */
function diamond(on, x0, width, y, theme) {
  const x = x0 + width / 2;
  on.beginPath();
  on.moveTo(x, y - 7);
  on.lineTo(x + 5, y);
  on.lineTo(x, y + 7);
  on.lineTo(x - 5, y);
  on.closePath();
  on.fillStyle = theme.text;
  on.strokeStyle = theme.back;
  on.lineWidth = 2;
  on.stroke();
  on.fill();
}

/**
 * @param {CanvasRenderingContext2D} on @param {number} x0 @param {number} width @param {number} y
 * @param {{text: string, back: string}} theme
 */
function square(on, x0, width, y, theme) {
  const x = x0 + width / 2;
  on.fillStyle = theme.back;
  on.fillRect(x - 5, y - 6, 10, 12);
  on.fillStyle = theme.text;
  on.fillRect(x - 3.5, y - 4.5, 7, 9);
}
