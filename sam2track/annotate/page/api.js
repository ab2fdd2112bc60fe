/**
 * Requests to the server. Reads are sent at once. Changes wait in one queue and are sent in order;
 * when the server is gone they wait until it is back, also if the page is loaded again meanwhile,
 * and an id lets it answer a repeat.
 */

import { remembered } from "./dom.js";
import { announce, app } from "./state.js";
import { adopt, client, keep, left, made, newId } from "./waiting.js";

/** @typedef {import("./waiting.js").Job} Job */
/** @typedef {{resolve: (answer: any) => void, reject: (error: Error) => void}} Asked */

/** An answer of the server that says what was wrong. */
export class Refused extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

class Gone extends Error {}

/** @type {(Job & Partial<Asked>)[]} */
let queue = [...left()];
let sending = false;
/** Whether what waited is being sent. @type {Promise<void>|null} */
let begun = null;
/**
 * `made` counts changes begun and ended: what was read meanwhile may be old. `kept`: whether what
 * waits is there after the page was loaded again. `lost`: what was refused of changes that waited
 * before the page was loaded.
 */
export const connection = {
  up: true, waiting: queue.length, made: 0, kept: true, lost: /** @type {string[]} */ ([]),
};
let token = "";

/** Take a token from the address (#token=) once, keep it for this tab, and as a cookie for pictures. */
export async function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("sam2track.token", given);
    const rest = location.hash.slice(1).split("&").filter((part) => !part.startsWith("token="));
    history.replaceState(null, "", `${location.pathname}#${rest.join("&")}`);
  }
  token = given ?? sessionStorage.getItem("sam2track.token") ?? "";
  if (token) await send("POST", "/api/token");
}

/** @returns {string} how others see this annotator; empty = as the server says */
function myName() {
  return remembered("who", "");
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] JSON, or a file
 * @param {{id?: string, project?: string, signal?: AbortSignal, keepalive?: boolean}} [options]
 */
export async function send(method, path, body, options = {}) {
  /** @type {Record<string, string>} */
  const headers = { "X-Client": client };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (options.id) headers["X-Request-Id"] = options.id;
  if (options.project) headers["X-Project"] = options.project;
  if (myName()) headers["X-Who"] = encodeURIComponent(myName());
  const file = body instanceof Blob;
  if (body !== undefined) headers["Content-Type"] = `application/${file ? "octet-stream" : "json"}`;
  const content = body === undefined ? undefined : file ? body : JSON.stringify(body);
  let response;
  try {
    const { signal, keepalive } = options;
    response = await fetch(path, { method, headers, body: content, signal, keepalive });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    setUp(false);
    throw new Gone("The server does not answer.");
  }
  if (response.status >= 502 && response.status <= 504) {
    setUp(false);
    throw new Gone("The server does not answer.");
  }
  setUp(true);
  const json = (response.headers.get("Content-Type") ?? "").includes("json");
  const answer = json ? await response.json() : await response.blob();
  if (!response.ok) {
    const said = json && typeof answer.error === "string" ? answer.error : "";
    throw new Refused(said || `The server refused this (${response.status}).`, response.status);
  }
  return answer;
}

/** @param {string} path @param {AbortSignal} [signal] */
export function get(path, signal) {
  return send("GET", path, undefined, { signal });
}

/**
 * Change something. The promise is kept when the server has stored it.
 * @param {string} method
 * @param {string} path may hold "@" and the id of a change before it, for the object that it made
 * @param {unknown} [body]
 * @param {string} [id] of this change
 * @returns {Promise<any>}
 */
export function change(method, path, body, id = newId()) {
  return new Promise((resolve, reject) => {
    queue.push({ method, path, body, id, project: app.session?.project.id ?? "", resolve, reject });
    count();
    void drain();
  });
}

export { newId };

/**
 * Begin to send what waited when the page was loaded, if it is of this project.
 * @param {string} project its id
 */
export function sendWaiting(project) {
  begun ??= adopt(project).then(() => {
    queue = [...left()];
    count();
    void drain();
  });
  return begun;
}

async function drain() {
  if (sending) return;
  sending = true;
  while (queue.length) {
    const job = queue[0];
    try {
      const { id, project } = job;
      const answer = await send(job.method, placed(job.path), job.body, { id, project });
      queue.shift();
      if (Number.isInteger(answer?.id)) made.set(job.id, answer.id);
      job.resolve?.(answer);
    } catch (error) {
      if (error instanceof Gone || keeps(error)) {
        await new Promise((wake) => setTimeout(wake, 700));
        keep(queue); // so that other pages see that this one still waits
        continue;
      }
      queue.shift();
      if (job.reject) job.reject(/** @type {Error} */ (error));
      else connection.lost.push(/** @type {Error} */ (error).message);
    }
    count();
  }
  sending = false;
}

/** Whether a change is not lost: it waits for a token, or for its own project. @param {unknown} error */
function keeps(error) {
  return error instanceof Refused && (error.status === 401 || /of another project/.test(error.message));
}

/** A path with the number of the object that a change before has made. @param {string} path */
function placed(path) {
  return path.replace(/@([0-9a-f]+)/, (_, id) => {
    const number = made.get(id);
    if (number === undefined) throw new Error("The object could not be made, so this is lost.");
    return String(number);
  });
}

function count() {
  connection.kept = keep(queue);
  connection.waiting = queue.length;
  connection.made++;
  announce("connection");
}

/** @param {boolean} up */
function setUp(up) {
  if (connection.up === up) return;
  connection.up = up;
  announce("connection");
  if (up) announce("reconnected");
}

/**
 * Listen to the server's events.
 * @param {Record<string, (data: any) => void>} listeners
 */
export function listen(listeners) {
  const events = new EventSource(`/api/events?client=${client}&who=${encodeURIComponent(myName())}`);
  for (const [name, listener] of Object.entries(listeners)) {
    events.addEventListener(name, (event) => listener(JSON.parse(event.data)));
  }
  events.addEventListener("open", () => setUp(true));
  events.addEventListener("error", () => {
    setUp(false);
    // A closed stream does not come back by itself (for example after an error page).
    if (events.readyState === EventSource.CLOSED) setTimeout(() => listen(listeners), 1500);
  });
}

/** The address of a frame's picture.
 * @param {{id: number, hash: string, width: number}} video
 * @param {number} frame
 * @param {number} [width] in pixels, of a smaller picture
 */
export function frameAddress(video, frame, width) {
  const size = width && width < video.width ? `width=${width}&` : "";
  return `/api/videos/${video.id}/frames/${frame}?${size}h=${video.hash}`;
}

/** Fetch a frame's picture.
 * @param {string} address
 * @param {AbortSignal} [signal]
 * @returns {Promise<Blob>}
 */
export function getPicture(address, signal) {
  return get(address, signal);
}
