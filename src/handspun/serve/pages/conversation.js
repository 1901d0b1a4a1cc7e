/** What is said between a person and a model, and what of it is sent to the server. */

import { isReading } from "./reading.js";
import { isToken } from "./token.js";

/**
 * @typedef {import("./token.js").Token} Token
 * @typedef {import("./token.js").Place} Place
 * @typedef {import("./reading.js").Reading} Reading
 *
 * @typedef {object} Figures
 * @property {number} nTokens
 * @property {number} [tokensPerS]
 * @property {number} firstTokenS
 * @property {number} nPrompt
 *
 * @typedef {object} UserTurn
 * @property {"user"} role
 * @property {string} content
 * @property {string} [passage]       what the model reads before the message
 *
 * @typedef {object} AssistantTurn
 * @property {"assistant"} role
 * @property {string} content
 * @property {Token[]} tokens
 * @property {string} model
 * @property {Figures} [figures]
 * @property {Reading} [reading]      where it comes from, where an index was asked
 * @property {string} [ending]        what is to be said of its end or its beginning, as a sentence
 * @property {string} [failure]       what went wrong, as a sentence
 *
 * @typedef {UserTurn | AssistantTurn} Turn
 */

const TITLE_LENGTH = 60;
const UNTITLED = "New conversation";

export class Conversation {
  /** @param {{id?: string, title?: string, changed?: number, turns?: Turn[]}} [kept] */
  constructor({ id = newId(), title = "", changed = Date.now(), turns = [] } = {}) {
    this.id = id;
    this.givenTitle = title;
    this.changed = changed;
    this.turns = turns;
  }

  /**
   * A conversation from what was kept of it. Throws TypeError where that is none.
   *
   * @param {any} kept
   */
  static from(kept) {
    const { id, title, changed, turns } = kept ?? {};
    if (typeof id !== "string" || typeof title !== "string" || !Number.isFinite(changed) || !Array.isArray(turns)) {
      throw new TypeError("this is no conversation");
    }
    return new Conversation({ id, title, changed, turns: turns.map(turnFrom) });
  }

  /** Its given name, or how it begins. */
  get title() {
    const first = this.turns[0]?.content.trim().replace(/\s+/g, " ") ?? "";
    return this.givenTitle || (first.length > TITLE_LENGTH ? `${first.slice(0, TITLE_LENGTH - 1)}…` : first) || UNTITLED;
  }

  get isEmpty() {
    return this.turns.length === 0;
  }

  get last() {
    return this.turns.at(-1);
  }

  /** @param {Turn} turn */
  add(turn) {
    this.turns.push(turn);
    this.changed = Date.now();
  }

  /**
   * Forget a turn and all that came after it.
   *
   * @param {number} index
   */
  cut(index) {
    this.turns.length = index;
    this.changed = Date.now();
  }

  /**
   * The messages to send, a passage before the message that it belongs to.
   *
   * @param {string} system
   */
  messages(system) {
    const said = this.#said().map(({ role, content }) => ({ role, content }));
    return system ? [{ role: "system", content: system }, ...said] : said;
  }

  /**
   * What a token was quoted from: `before`, `quoted` and `after` of a message, and whose it is.
   *
   * @param {Place} place counted without the system prompt
   */
  quoted({ message, start, end }) {
    const said = this.#said()[message];
    if (!said) return undefined;
    const characters = Array.from(said.content);
    const [before, quoted, after] = [[0, start], [start, end], [end]].map(([from, to]) => characters.slice(from, to).join(""));
    return { turn: said.turn, role: said.role, before, quoted, after };
  }

  /** Every message with the number of its turn. A reply that never began is none. */
  #said() {
    return this.turns.flatMap((turn, index) => [
      ...(turn.role === "user" && turn.passage ? [{ turn: index, role: "passage", content: turn.passage }] : []),
      ...(turn.content ? [{ turn: index, role: turn.role, content: turn.content }] : []),
    ]);
  }

  /** What is written to storage and to files. */
  toJSON() {
    return { id: this.id, title: this.givenTitle, changed: this.changed, turns: this.turns };
  }
}

/**
 * @param {any} turn
 * @returns {Turn}
 */
function turnFrom(turn) {
  const { role, content } = turn ?? {};
  if (typeof content !== "string") throw new TypeError("this turn says nothing");
  if (role === "user") return { role, content, ...(typeof turn.passage === "string" && { passage: turn.passage }) };
  if (role !== "assistant") throw new TypeError(`there is no role ${role}`);
  return {
    role,
    content,
    tokens: Array.isArray(turn.tokens) && turn.tokens.every(isToken) ? turn.tokens : [],
    model: String(turn.model ?? ""),
    ...(isReading(turn.reading) && { reading: turn.reading }),
    ...(areFigures(turn.figures) && { figures: turn.figures }),
    ...(typeof turn.ending === "string" && { ending: turn.ending }),
    ...(typeof turn.failure === "string" && { failure: turn.failure }),
  };
}

/** @param {any} figures */
function areFigures(figures) {
  const { nTokens, firstTokenS, nPrompt, tokensPerS = 0 } = figures ?? {};
  return [nTokens, firstTokenS, nPrompt, tokensPerS].every(Number.isFinite);
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
