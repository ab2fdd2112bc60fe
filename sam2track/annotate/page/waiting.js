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
 * @property {string} project the id of the project that it changes
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

/** @param {string} client @param {string} project @returns {boolean} whether its changes are of a project */
function isOf(client, project) {
  return read(client)?.jobs.every((job) => job.project === project) ?? false;
}

/** @param {string} project @returns {string|null} a page that is gone and whose changes of it wait */
function orphan(project) {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(QUEUE));
    const clients = keys.map((key) => key.slice(QUEUE.length));
    return clients.find((one) => Date.now() - (read(one)?.time ?? 0) > DEAD && isOf(one, project)) ?? null;
  } catch {
    return null;
  }
}

/** Say that a page lives, or has gone. @param {string} client @param {number} time */
function stamp(client, time) {
  try {
    const kept = read(client);
    if (kept) localStorage.setItem(QUEUE + client, JSON.stringify({ ...kept, time }));
  } catch {
    // Then nothing is kept.
  }
}

/**
 * Who this page is: the one that it was before it was loaded again, or a new one. (A copy of a tab
 * is another one: its original has not left.)
 */
export let client = (() => {
  let left = null;
  try {
    left = sessionStorage.getItem(LEFT);
    sessionStorage.removeItem(LEFT);
  } catch {
    // Without storage each page is a new one.
  }
  return left ?? newId();
})();

stamp(client, Date.now());
setInterval(() => stamp(client, Date.now()), DEAD / 3);
/** The changes that waited before this page was loaded, in order. @returns {Job[]} */
export const left = () => read(client)?.jobs ?? [];
/** What changes have made, by their ids: the numbers of objects. @type {Map<string, number>} */
export const made = new Map(Object.entries(read(client)?.made ?? {}));

/**
 * Go on as a page that is gone and whose changes of this project wait, if this one has none. Changes
 * of another project stay where they are kept.
 * @param {string} project its id
 */
export async function adopt(project) {
  const take = () => {
    if (read(client) && isOf(client, project)) return;
    if (read(client)) stamp(client, 0);
    const found = orphan(project);
    client = found ?? (read(client) ? newId() : client);
    if (found) stamp(found, Date.now()); // before another tab looks
    made.clear();
    for (const [id, number] of Object.entries(read(client)?.made ?? {})) made.set(id, number);
  };
  // Tabs that are opened at once take turns, where the browser has locks.
  if (navigator.locks) await navigator.locks.request("sam2track.adopt", take);
  else take();
}

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
      jobs: jobs.map(({ method, path, body, id, project }) => ({ method, path, body, id, project })),
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
  } catch {
    // Then the page that comes is a new one.
  }
  stamp(client, 0);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) sessionStorage.removeItem(LEFT);
});
