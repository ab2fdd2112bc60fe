/**
 * Changes that wait for the server, as this browser keeps them: a page that is loaded again, or
 * opened after it was closed, goes on with them. They keep their ids, so that none is made twice.
 */

/**
 * @typedef {Object} Job a change
 * @property {string} method
 * @property {string} path may hold "@" and the id of a change before it, for what that one made
 * @property {unknown} body
 * @property {string} id
 */

/** @typedef {{time: number, jobs: Job[], made: Record<string, number>}} Kept */

const QUEUE = "sam2track.waiting.";
const LEFT = "sam2track.left";
const DEAD = 15000; // milliseconds after which a page that waits and tells nothing is gone

/** @returns {string} */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} client @returns {Kept|null} */
function read(client) {
  try {
    return JSON.parse(localStorage.getItem(QUEUE + client) ?? "null");
  } catch {
    return null;
  }
}

/** @returns {string|null} the client of a page that is gone and whose changes wait */
function orphan() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(QUEUE));
    const clients = keys.map((key) => key.slice(QUEUE.length));
    return clients.find((one) => Date.now() - (read(one)?.time ?? 0) > DEAD) ?? null;
  } catch {
    return null;
  }
}

/**
 * Who this page is: the one that it was before it was loaded again, or one that is gone and whose
 * changes wait, or a new one. (A copy of a tab is another one: its original has not left.)
 */
export const client = (() => {
  let left = null;
  try {
    left = sessionStorage.getItem(LEFT);
    sessionStorage.removeItem(LEFT);
  } catch {
    // Without storage each page is a new one.
  }
  return left ?? orphan() ?? newId();
})();

const found = read(client);
/** @type {Job[]} the changes that waited before this page was loaded, in order */
export const left = found?.jobs ?? [];
/** What changes have made, by their ids: the numbers of objects. @type {Map<string, number>} */
export const made = new Map(Object.entries(found?.made ?? {}));

/** Keep changes, instead of those that were kept before.
 * @param {Job[]} jobs
 * @returns {boolean} false: this browser does not keep them
 */
export function keep(jobs) {
  try {
    if (!jobs.length) {
      localStorage.removeItem(QUEUE + client);
      made.clear();
      return true;
    }
    const needed = JSON.stringify(jobs.map((job) => job.path));
    const known = [...made].filter(([id]) => needed.includes(`@${id}`));
    /** @type {Kept} */
    const kept = {
      time: Date.now(),
      jobs: jobs.map(({ method, path, body, id }) => ({ method, path, body, id })),
      made: Object.fromEntries(known),
    };
    localStorage.setItem(QUEUE + client, JSON.stringify(kept));
    return true;
  } catch {
    return false;
  }
}

addEventListener("pagehide", () => {
  try {
    sessionStorage.setItem(LEFT, client);
    const kept = read(client);
    if (kept) localStorage.setItem(QUEUE + client, JSON.stringify({ ...kept, time: 0 }));
  } catch {
    // Then the page that comes is a new one.
  }
});
addEventListener("pageshow", (event) => {
  if (event.persisted) sessionStorage.removeItem(LEFT);
});
