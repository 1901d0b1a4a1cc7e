/** The server that this page came from: what it can be asked, and its failures as sentences. */

import { lines } from "./lines.js";

const N_LIKELIEST = 5;
const KEY = "handspun.key";

/**
 * @typedef {object} Model
 * @property {string} name
 * @property {number} bytes
 * @property {string} parameters   such as "1.7M"
 * @property {string} quantization
 * @property {boolean} isLoaded
 */

/** What went wrong, as a sentence for a person. */
export class ServerError extends Error {
  /**
   * @param {string} sentence
   * @param {{status?: number, isAway?: boolean}} [about]
   */
  constructor(sentence, { status = 0, isAway = false } = {}) {
    super(sentence);
    this.status = status;
    this.isAway = isAway;
  }
}

export class Server {
  /** @param {Storage} storage that is emptied when the tab is closed */
  constructor(storage) {
    this.storage = storage;
  }

  /** The API key. */
  get key() {
    return this.storage.getItem(KEY) ?? "";
  }

  set key(key) {
    this.storage.setItem(KEY, key);
  }

  /**
   * Every model there is, in the server's order.
   *
   * @returns {Promise<Model[]>}
   */
  async models() {
    const [all, loaded] = await Promise.all([this.#json("api/tags"), this.#json("api/ps")]);
    const names = new Set(loaded.models.map((/** @type {{name: string}} */ model) => model.name));
    return all.models.map((/** @type {any} */ model) => ({
      name: model.name,
      bytes: model.size,
      parameters: model.details?.parameter_size ?? "",
      quantization: model.details?.quantization_level ?? "",
      isLoaded: names.has(model.name),
    }));
  }

  /**
   * The names of the indexes there are.
   *
   * @returns {Promise<string[]>}
   */
  async indexes() {
    const { indexes } = await this.#json("api/indexes");
    return indexes.map((/** @type {{name: string}} */ { name }) => name);
  }

  /**
   * A passage of an index, with some of the text around it.
   *
   * @param {string} index
   * @param {string} chunkId
   * @returns {Promise<{start: number, before: string, text: string, after: string}>}
   */
  async passage(index, chunkId) {
    return this.#json(`api/indexes/${encodeURIComponent(index)}/passages/${encodeURIComponent(chunkId)}`);
  }

  /**
   * Whether a model is in memory, so that it answers at once.
   *
   * @param {string} model
   */
  async isLoaded(model) {
    const loaded = await this.#json("api/ps");
    return loaded.models.some((/** @type {{name: string}} */ { name }) => name === model);
  }

  /**
   * What a model's own settings are, and how much it can read.
   *
   * @param {string} model
   * @returns {Promise<{options: Record<string, string>, contextTokens?: number}>}
   */
  async about(model) {
    const shown = await this.#json("api/show", { method: "POST", body: JSON.stringify({ model }) });
    const pairs = (shown.parameters ?? "").split("\n").map((/** @type {string} */ line) => line.trim().split(/\s+/, 2));
    const context = Object.entries(shown.model_info ?? {}).find(([name]) => name.endsWith(".context_length"));
    return {
      options: Object.fromEntries(pairs.filter((/** @type {string[]} */ pair) => pair.length === 2)),
      contextTokens: typeof context?.[1] === "number" ? context[1] : undefined,
    };
  }

  /**
   * The parts of a reply as they come; the last has `done`. Aborting the signal ends the reply on the server, too.
   *
   * @param {{model: string, index?: string, messages: {role: string, content: string}[], options: object}} question
   * @param {AbortSignal} signal
   */
  async *chat(question, signal) {
    const body = JSON.stringify({ ...question, stream: true, logprobs: true, top_logprobs: N_LIKELIEST, truncate: true });
    const response = await this.#fetch("api/chat", { method: "POST", body, signal });
    if (!response.body) throw new ServerError("The server answered without a reply.");
    let isDone = false;
    try {
      for await (const part of lines(response.body)) {
        if (part.error) throw new ServerError(sentence(part.error));
        isDone ||= part.done;
        yield part;
      }
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    }
    if (!isDone && !signal.aborted) throw new ServerError("The connection broke off before the reply had ended.", { isAway: true });
  }

  /** Whether the server answers, however it does. */
  async isThere() {
    try {
      return (await fetch("healthz", { cache: "no-store" })).status < 500;
    } catch {
      return false;
    }
  }

  /**
   * @param {string} path relative to the page, so that it may lie below any prefix
   * @param {RequestInit} [init]
   */
  async #json(path, init) {
    return (await this.#fetch(path, init)).json();
  }

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   */
  async #fetch(path, init = {}) {
    const headers = { "Content-Type": "application/json", ...(this.key && { Authorization: `Bearer ${this.key}` }) };
    const response = await fetch(path, { ...init, headers }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new ServerError("The server does not answer.", { isAway: true });
    });
    if (!response.ok) throw await failure(response);
    return response;
  }
}

/** @param {Response} response */
async function failure(response) {
  const { status } = response;
  if (status === 401) return new ServerError("The server asks for an API key.", { status });
  const said = await response.json().catch(() => ({}));
  const wait = response.headers.get("Retry-After");
  const when = status === 503 && wait ? ` Try again in ${wait} s.` : "";
  return new ServerError(sentence(said.error ?? `The server answered with status ${status}`) + when, { status });
}

/**
 * What a server says, with a capital letter and a full stop.
 *
 * @param {string | {message?: string}} error
 */
function sentence(error) {
  const text = String(typeof error === "string" ? error : (error.message ?? "The server failed")).trim();
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
