/**
 * Masks: COCO's compressed run lengths, pixels, outlines, and edits that need no server.
 * Runs go down the columns; the first is of pixels that are not set.
 */

/** @param {string} text @returns {number[]} lengths of the runs */
export function decodeCounts(text) {
  const runs = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let code;
    do {
      code = text.charCodeAt(at++) - 48;
      value |= (code & 31) << shift;
      shift += 5;
    } while (code & 32);
    if (code & 16 && shift < 32) value |= -1 << shift;
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** @param {ArrayLike<number>} runs @returns {string} */
export function encodeCounts(runs) {
  const codes = [];
  for (let at = 0; at < runs.length; at++) {
    // From the fourth run on the difference to the run before the last is stored.
    let value = at > 2 ? runs[at] - runs[at - 2] : runs[at];
    let more = true;
    while (more) {
      let code = value & 31;
      value >>= 5;
      more = code & 16 ? value !== -1 : value !== 0;
      if (more) code |= 32;
      codes.push(code + 48);
    }
  }
  return String.fromCharCode(...codes);
}

const MOST_OUTLINED = 2000;
/** Masks that keep their outlines, the one that was drawn first is the first. @type {Set<Mask>} */
const outlined = new Set();

/** A mask of a whole frame. */
export class Mask {
  /**
   * @param {number} height
   * @param {number} width
   * @param {string} counts
   */
  constructor(height, width, counts) {
    this.height = height;
    this.width = width;
    this.counts = counts;
    /** @type {Uint32Array|null} */ this._ends = null;
    /** @type {Path2D|null} */ this._path = null;
    /** @type {{x0: number, y0: number, x1: number, y1: number}|null|undefined} */
    this._box = undefined;
  }

  /** @param {{size: [number, number], counts: string}} record */
  static of(record) {
    return new Mask(record.size[0], record.size[1], record.counts);
  }

  /**
   * @param {Uint8Array} pixels row after row, 1 on the object
   * @param {number} height
   * @param {number} width
   */
  static fromPixels(pixels, height, width) {
    const runs = [];
    let value = 0;
    let run = 0;
    for (let x = 0; x < width; x++) {
      for (let y = 0, at = x; y < height; y++, at += width) {
        const here = pixels[at] ? 1 : 0;
        if (here === value) run++;
        else {
          runs.push(run);
          run = 1;
          value = here;
        }
      }
    }
    runs.push(run);
    return new Mask(height, width, encodeCounts(runs));
  }

  /** Where each run ends, counted down the columns. */
  get ends() {
    if (!this._ends) {
      const runs = decodeCounts(this.counts);
      this._ends = new Uint32Array(runs.length);
      let end = 0;
      for (let at = 0; at < runs.length; at++) this._ends[at] = end += runs[at];
    }
    return this._ends;
  }

  get record() {
    return {
      size: /** @type {[number, number]} */ ([this.height, this.width]),
      counts: this.counts,
    };
  }

  get area() {
    let area = 0;
    for (let at = 1; at < this.ends.length; at += 2) area += this.ends[at] - this.ends[at - 1];
    return area;
  }

  /** The smallest box around it, x1 and y1 left out; null if it is empty. */
  get box() {
    if (this._box === undefined) {
      let [x0, y0, x1, y1] = [this.width, this.height, 0, 0];
      for (let at = 1; at < this.ends.length; at += 2) {
        const [start, stop] = [this.ends[at - 1], this.ends[at] - 1];
        if (stop < start) continue;
        const [first, last] = [Math.floor(start / this.height), Math.floor(stop / this.height)];
        x0 = Math.min(x0, first);
        x1 = Math.max(x1, last + 1);
        y0 = first === last ? Math.min(y0, start % this.height) : 0;
        y1 = first === last ? Math.max(y1, (stop % this.height) + 1) : this.height;
      }
      this._box = x1 > 0 ? { x0, y0, x1, y1 } : null;
    }
    return this._box;
  }

  /** @param {number} x @param {number} y @returns {boolean} whether a place is on the object */
  contains(x, y) {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (column < 0 || row < 0 || column >= this.width || row >= this.height) return false;
    const place = column * this.height + row;
    let [low, high] = [0, this.ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ends[middle] > place) high = middle;
      else low = middle + 1;
    }
    return low % 2 === 1;
  }

  /** @returns {Uint8Array} row after row, 1 on the object */
  pixels() {
    const pixels = new Uint8Array(this.width * this.height);
    for (let at = 1; at < this.ends.length; at += 2) {
      for (let place = this.ends[at - 1]; place < this.ends[at]; place++) {
        pixels[(place % this.height) * this.width + Math.floor(place / this.height)] = 1;
      }
    }
    return pixels;
  }

  /** @returns {Path2D} its outlines, holes too, in video pixels */
  get path() {
    if (!this._path) {
      this._path = new Path2D();
      trace(this, this._path);
      outlined.add(this);
      const [oldest] = outlined;
      if (outlined.size > MOST_OUTLINED) {
        oldest._path = null;
        outlined.delete(oldest);
      }
    }
    return this._path;
  }
}

/**
 * Follow the edges of a mask, the object on the right hand, through the middles of pixel edges.
 * @param {Mask} mask
 * @param {{moveTo: (x: number, y: number) => void, lineTo: (x: number, y: number) => void,
 *   closePath: () => void}} path takes the outlines, in video pixels
 */
export function trace(mask, path) {
  const box = mask.box;
  if (!box) return;
  // A border of one pixel, so that neighbours need no check.
  const width = box.x1 - box.x0 + 2;
  const height = box.y1 - box.y0 + 2;
  const inside = new Uint8Array(width * height);
  for (let at = 1; at < mask.ends.length; at += 2) {
    for (let place = mask.ends[at - 1]; place < mask.ends[at]; ) {
      const x = Math.floor(place / mask.height);
      const stop = Math.min(mask.ends[at], (x + 1) * mask.height);
      let y = place - x * mask.height;
      for (; place < stop; place++, y++) inside[(y - box.y0 + 1) * width + x - box.x0 + 1] = 1;
    }
  }
  const seen = new Uint8Array(width * height);
  const [dx, dy] = [[1, 0, -1, 0], [0, 1, 0, -1]];
  // Of a corner with a direction (right, down, left, up): the pixels ahead, left and right of it.
  const [leftX, leftY] = [[0, 0, -1, -1], [-1, 0, 0, -1]];
  const [rightX, rightY] = [[0, -1, -1, 0], [0, 0, -1, -1]];
  const [ox, oy] = [box.x0 - 1, box.y0 - 1];
  for (let y = 1; y < height; y++) {
    for (let x = 1; x < width; x++) {
      const at = y * width + x;
      if (!inside[at] || inside[at - width] || seen[at]) continue;
      let [cx, cy, way] = [x, y, 0];
      path.moveTo(x + 0.5 + ox, y + oy);
      do {
        if (way === 0) seen[cy * width + cx] = 1;
        cx += dx[way];
        cy += dy[way];
        const ahead = inside[(cy + rightY[way]) * width + cx + rightX[way]];
        const left = inside[(cy + leftY[way]) * width + cx + leftX[way]];
        const turn = !ahead ? 1 : left ? 3 : 0;
        if (turn) {
          path.lineTo(cx - dx[way] / 2 + ox, cy - dy[way] / 2 + oy);
          way = (way + turn) % 4;
          path.lineTo(cx + dx[way] / 2 + ox, cy + dy[way] / 2 + oy);
        }
      } while (cx !== x || cy !== y || way !== 0);
      path.closePath();
    }
  }
}

/**
 * Label the connected parts of the pixels that have a value.
 * @param {Uint8Array} pixels
 * @param {number} height
 * @param {number} width
 * @param {number} value
 */
function parts(pixels, height, width, value) {
  const labels = new Int32Array(pixels.length);
  /** @type {{area: number, border: boolean}[]} */
  const found = [];
  const stack = [];
  for (let start = 0; start < pixels.length; start++) {
    if (pixels[start] !== value || labels[start]) continue;
    const part = { area: 0, border: false };
    found.push(part);
    labels[start] = found.length;
    stack.push(start);
    while (stack.length) {
      const at = /** @type {number} */ (stack.pop());
      const x = at % width;
      part.area++;
      if (x === 0 || x === width - 1 || at < width || at >= width * (height - 1)) part.border = true;
      for (const next of [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width]) {
        if (next >= 0 && next < pixels.length && pixels[next] === value && !labels[next]) {
          labels[next] = found.length;
          stack.push(next);
        }
      }
    }
  }
  return { labels, found };
}

/** @param {Mask} mask @returns {Mask} with its holes filled */
export function fillHoles(mask) {
  const pixels = mask.pixels();
  const { labels, found } = parts(pixels, mask.height, mask.width, 0);
  for (let at = 0; at < pixels.length; at++) {
    if (labels[at] && !found[labels[at] - 1].border) pixels[at] = 1;
  }
  return Mask.fromPixels(pixels, mask.height, mask.width);
}

/** @param {Mask} mask @returns {Mask} only its largest part, and those at least a tenth as large */
export function removeIslands(mask) {
  const pixels = mask.pixels();
  const { labels, found } = parts(pixels, mask.height, mask.width, 1);
  const least = Math.max(0, ...found.map((part) => part.area)) / 10;
  for (let at = 0; at < pixels.length; at++) {
    if (labels[at] && found[labels[at] - 1].area < least) pixels[at] = 0;
  }
  return Mask.fromPixels(pixels, mask.height, mask.width);
}
