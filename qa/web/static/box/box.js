/** The page's side of an export: starts the worker, and gives what a server would give. */

/**
 * @typedef {{box: string, worker: string, ort?: string, parts: Record<string, string>}} Manifest addresses
 */

/** @type {Map<string, Box>} */
const boxes = new Map();

/** The box of an export, one for the page, which begins to load. @param {Manifest} manifest @param {string} address */
export function open(manifest, address) {
  const box = boxes.get(address) ?? new Box(manifest, address);
  boxes.set(address, box);
  return box;
}

/** Asks the worker. */
class Box {
  /** @param {Manifest} manifest @param {string} address */
  constructor(manifest, address) {
    const from = (/** @type {string} */ part) => new URL(part, address).href;
    /** @type {Map<number, (message: any) => void>} */
    this.waiting = new Map();
    this.asked = 0;
    this.worker = started(from(manifest.worker));
    /** @type {Promise<void>} */
    this.ready = new Promise((resolve, reject) => {
      this.worker.onerror = ({ message }) => reject(new Error(`the worker can't be started (${message})`));
      this.worker.onmessage = ({ data }) => {
        if (data.id !== undefined) this.waiting.get(data.id)?.(data);
        else if (data.error) reject(new Error(data.error));
        else resolve();
      };
    });
    this.ready.catch(() => boxes.delete(address)); // so that it is tried again
    this.begin(manifest, from);
  }

  /**
   * Tells the worker where the parts are; those that stand in the page itself it is given.
   * @param {Manifest} manifest
   * @param {(address: string) => string} from
   */
  async begin(manifest, from) {
    /** @type {Record<string, string | Blob>} */
    const parts = {};
    for (const [name, part] of Object.entries(manifest.parts)) {
      parts[name] = part.startsWith("blob:") ? await (await fetch(part)).blob() : from(part);
    }
    this.worker.postMessage({ ort: manifest.ort && from(manifest.ort), parts });
  }

  /**
   * What a server would answer.
   * @param {string} path
   * @param {any} body
   * @param {AbortSignal} [signal]
   */
  async call(path, body, signal) {
    await this.ready;
    if (path !== "api/ask") return Response.json({ status: "ready", feedback: false });
    return Response.json(await this.request(body, signal));
  }

  /** The document of an id. @param {string} document @returns {Promise<import("./types.js").Document | undefined>} */
  async document(document) {
    await this.ready;
    return this.request({ document });
  }

  /** @param {any} body @param {AbortSignal} [signal] @returns {Promise<any>} */
  request(body, signal) {
    const id = this.asked++;
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      this.waiting.set(id, ({ value, error }) => {
        this.waiting.delete(id);
        if (error) reject(new Error(error));
        else resolve(value);
      });
      this.worker.postMessage({ id, ...body });
    });
  }
}

/**
 * A worker: from one script where all stands in the page, and also from another host, whose scripts can't be started
 * but imported.
 * @param {string} address
 */
function started(address) {
  const { origin, protocol } = new URL(address);
  if (protocol === "blob:") return new Worker(address);
  if (origin === location.origin) return new Worker(address, { type: "module" });
  const script = new Blob([`import ${JSON.stringify(address)};`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(script), { type: "module" });
}
