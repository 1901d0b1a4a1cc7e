/** A generated token, as the page keeps it. */

/**
 * @typedef {object} Candidate   a token that might have stood there
 * @property {string} text
 * @property {number} logProb
 *
 * @typedef {object} Place       some code points of a message; message -1 is the system prompt
 * @property {number} message
 * @property {number} start
 * @property {number} end
 *
 * @typedef {object} Token
 * @property {string} text       empty for the first bytes of a character, whose last token has the whole of it
 * @property {number} logProb
 * @property {Candidate[]} likeliest
 * @property {Place} [source]    what it was quoted from, if so
 */

/** Makes tokens of the parts of a reply, in their order. */
export class TokenReader {
  #decoder = new TextDecoder();

  /** @param {number} nUnnumbered messages that were sent before the first of the conversation */
  constructor(nUnnumbered) {
    this.nUnnumbered = nUnnumbered;
  }

  /**
   * The tokens of one part, where the server tells them.
   *
   * @param {{logprobs?: any[], copied_from?: any[]}} part
   * @returns {Token[]}
   */
  read({ logprobs = [], copied_from = [] }) {
    const quotations = [...copied_from];
    return logprobs.map(({ token, bytes, logprob, top_logprobs = [] }) => {
      const text = this.#decoder.decode(Uint8Array.from(bytes), { stream: true });
      const likeliest = top_logprobs.map((/** @type {any} */ other) => ({ text: other.token, logProb: other.logprob }));
      const source = this.#take(quotations, token);
      return { text, logProb: logprob, likeliest, ...(source && { source }) };
    });
  }

  /**
   * What a token was quoted from, taken from the quotations that are left.
   *
   * @param {{text: string, message: number, start: number, end: number}[]} quotations
   * @param {string} text
   * @returns {Place | undefined}
   */
  #take(quotations, text) {
    const quotation = quotations[0];
    if (!text || !quotation?.text.startsWith(text)) return undefined;
    const { message, start, end } = quotation;
    const stop = Math.min(start + Array.from(text).length, end);
    const rest = quotation.text.slice(text.length);
    quotations.splice(0, 1, ...(rest ? [{ text: rest, message, start: stop, end }] : []));
    return { message: message - this.nUnnumbered, start, end: rest ? stop : end };
  }
}

/**
 * Whether something read from storage is a token.
 *
 * @param {any} value
 * @returns {value is Token}
 */
export function isToken(value) {
  return (
    typeof value?.text === "string" &&
    typeof value.logProb === "number" &&
    Array.isArray(value.likeliest) &&
    value.likeliest.every((/** @type {any} */ one) => typeof one?.text === "string" && typeof one.logProb === "number") &&
    (value.source === undefined || isPlace(value.source))
  );
}

/** @param {any} value */
function isPlace(value) {
  return [value?.message, value?.start, value?.end].every(Number.isInteger);
}

/** @param {number} logProb */
export function percent(logProb) {
  const share = 100 * Math.exp(logProb);
  return share >= 99.95 ? "100 %" : share < 0.05 ? "< 0.1 %" : `${share.toFixed(1)} %`;
}

/**
 * The text of a token with its blanks made visible.
 *
 * @param {string} text
 */
export function spelled(text) {
  return text.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥") || "∅";
}
