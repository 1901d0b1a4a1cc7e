/** The words of one reply, drawn token by token: what changed is drawn again, and each token can be pointed at. */

import { blocks, runs } from "./block.js";
import { element } from "./element.js";
import { numberOf, placesCited } from "./reading.js";

/**
 * @typedef {import("./token.js").Token} Token
 * @typedef {import("./reading.js").Citation} Citation
 * @typedef {import("./block.js").Block} Block
 */

/** Probabilities at which the tint of a token gets weaker. */
const TINTS = [0.2, 0.5, 0.8];

/** At the end of a text: what may belong to no part of it that is drawn. */
const UNDRAWN = /[\s`]+$/;

const MOVES = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

export class ReplyText {
  /** @type {{block: Block, drawn: HTMLElement}[]} */
  #drawn = [];
  #text = "";
  /** @type {Token[]} */
  #tokens = [];
  /** @type {number[]} where each token starts in the text */
  #starts = [];
  /** @type {{at: number, shown: HTMLElement}[]} numbers of citations, and where in the text each stands */
  #numbers = [];

  /**
   * @param {HTMLElement} root
   * @param {(token: Token, shown: HTMLElement) => void} onToken a token is pointed at, or has the focus
   */
  constructor(root, onToken) {
    this.root = root;
    root.addEventListener("pointerover", (event) => this.#point(event.target, onToken));
    root.addEventListener("focusin", (event) => this.#point(event.target, onToken));
    root.addEventListener("keydown", (event) => this.#move(event));
  }

  /**
   * Show a reply as far as it has come.
   *
   * @param {string} text
   * @param {Token[]} tokens
   */
  show(text, tokens) {
    this.#text = text;
    this.#tokens = tokens;
    while (this.#starts.length < tokens.length) this.#starts.push(this.#startAfter(this.#starts.length));
    const found = blocks(text);
    const nSame = found.findIndex((block, index) => !isSame(block, this.#drawn[index]?.block));
    for (const { drawn } of this.#drawn.splice(nSame < 0 ? found.length : nSame)) drawn.remove();
    for (const block of found.slice(this.#drawn.length)) {
      const drawn = block.kind === "code" ? this.#code(block) : this.#paragraph(block);
      this.#drawn.push({ block, drawn });
      this.root.append(drawn);
    }
  }

  /** The reply has ended: its tokens become one stop of the tab key, and the arrows go from one to the next. */
  finish() {
    this.#shown[0]?.setAttribute("tabindex", "0");
  }

  /**
   * Put the number of each citation behind what it covers.
   *
   * @param {Citation[]} citations
   * @param {(citation: Citation) => void} onOpen
   */
  cite(citations, onOpen) {
    const characters = Array.from(this.#text);
    const places = placesCited(citations);
    this.#numbers = citations.map((citation) => ({
      at: characters.slice(0, citation.answerEnd).join("").replace(UNDRAWN, "").length,
      shown: number(numberOf(citation, places), citation, () => onOpen(citation)),
    }));
    for (const { drawn } of this.#drawn.splice(0)) drawn.remove();
    this.show(this.#text, this.#tokens);
    this.finish();
  }

  get #shown() {
    return /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll(".token")]);
  }

  /** @param {number} index */
  #startAfter(index) {
    return index === 0 ? 0 : this.#starts[index - 1] + this.#tokens[index - 1].text.length;
  }

  /** @param {Block} block */
  #paragraph(block) {
    const parts = runs(this.#text, block).map(({ isCode, start, end }) =>
      isCode ? element("code", {}, ...this.#pieces(start, end)) : this.#pieces(start, end),
    );
    return element("p", {}, ...parts.flat());
  }

  /** @param {Block} block */
  #code({ start, end, language }) {
    const code = element("code", {}, ...this.#pieces(start, end));
    return element("pre", { tabindex: 0, "data-language": language || undefined }, code);
  }

  /**
   * The tokens of a part of the text; plain text where they are not known.
   *
   * @param {number} start
   * @param {number} end
   * @returns {(HTMLElement | string)[]}
   */
  #pieces(start, end) {
    const pieces = [];
    let place = start;
    for (let index = this.#indexAt(start); place < end && index < this.#tokens.length; index += 1) {
      const stop = Math.min(this.#startAfter(index + 1), end);
      if (stop > place) pieces.push(this.#piece(index, this.#text.slice(place, stop)), ...this.#numbersIn(place, stop));
      place = stop;
    }
    return place < end ? [...pieces, this.#text.slice(place, end), ...this.#numbersIn(place, end)] : pieces;
  }

  /**
   * The numbers that stand behind a part of the text.
   *
   * @param {number} start
   * @param {number} end
   */
  #numbersIn(start, end) {
    return this.#numbers.filter(({ at }) => start < at && at <= end).map(({ shown }) => shown);
  }

  /**
   * The first token that reaches beyond a place in the text.
   *
   * @param {number} place
   */
  #indexAt(place) {
    let [low, high] = [0, this.#tokens.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#startAfter(middle + 1) > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * @param {number} index
   * @param {string} text
   */
  #piece(index, text) {
    const { logProb, source } = this.#tokens[index];
    const tint = TINTS.filter((limit) => Math.exp(logProb) < limit).length;
    const kind = source ? "mark" : "span";
    return element(kind, { class: "token", tabindex: -1, "data-index": index, "data-tint": tint || undefined }, text);
  }

  /**
   * @param {EventTarget | null} target
   * @param {(token: Token, shown: HTMLElement) => void} onToken
   */
  #point(target, onToken) {
    const shown = target instanceof HTMLElement ? target.closest(".token") : null;
    if (shown instanceof HTMLElement) onToken(this.#tokens[Number(shown.dataset.index)], shown);
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const step = MOVES[/** @type {keyof typeof MOVES} */ (event.key)];
    const shown = this.#shown;
    const place = shown.indexOf(/** @type {HTMLElement} */ (event.target));
    if (step === undefined || place < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = shown[Math.max(0, Math.min(shown.length - 1, place + step))];
    shown[place].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }
}

/**
 * The number of a citation, which shows where it comes from.
 *
 * @param {number} count
 * @param {Citation} citation
 * @param {() => void} open
 */
function number(count, { source }, open) {
  const words = `Citation ${count}: ${source}`;
  return element("button", { type: "button", class: "cite", "aria-label": words, title: words, click: open }, String(count));
}

/**
 * @param {Block} one
 * @param {Block | undefined} other
 */
function isSame(one, other) {
  return one.kind === other?.kind && one.start === other.start && one.end === other.end && one.language === other.language;
}
