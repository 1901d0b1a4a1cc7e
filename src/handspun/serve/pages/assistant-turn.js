/** A reply: its words as they come, then what it took, and what can be done with it. */

import { button, element } from "./element.js";
import { ReplyText } from "./reply-text.js";
import { sources } from "./source-list.js";

/**
 * @typedef {import("./conversation.js").AssistantTurn} AssistantTurn
 * @typedef {import("./conversation.js").Figures} Figures
 * @typedef {import("./reading.js").Span} Span
 * @typedef {import("./token.js").Token} Token
 */

export class AssistantTurnView {
  #frame = 0;

  /**
   * @param {AssistantTurn} turn
   * @param {{onToken: (token: Token, shown: HTMLElement) => void, onAgain: () => void, onDrawn: () => void,
   *   onSource: (index: string, span: Span) => void}} listeners
   */
  constructor(turn, { onToken, onAgain, onDrawn, onSource }) {
    this.turn = turn;
    this.onSource = onSource;
    this.onAgain = onAgain;
    this.onDrawn = onDrawn;
    this.words = element("div", { class: "reply" });
    this.foot = element("div", { class: "foot" });
    this.root = element("article", { class: "turn assistant", "aria-label": "Reply" }, this.words, this.foot);
    this.text = new ReplyText(this.words, onToken);
  }

  /** The turn has grown: draw it when the screen is drawn next. */
  grow() {
    this.root.setAttribute("aria-busy", "true");
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /**
   * The turn has come to its end.
   *
   * @param {{isLast: boolean}} place
   */
  finish({ isLast }) {
    cancelAnimationFrame(this.#frame);
    this.#draw();
    this.root.removeAttribute("aria-busy");
    this.text.finish();
    this.foot.replaceChildren(...this.#sources(), ...this.#ending(), ...this.#actions(isLast));
    this.onDrawn();
  }

  /**
   * Say what is waited for, until the first words have come.
   *
   * @param {string} what
   */
  wait(what) {
    if (!this.turn.content && this.root.hasAttribute("aria-busy")) this.foot.replaceChildren(element("p", { class: "ending" }, what));
  }

  /** It is not the last any more: it cannot be asked for again. */
  retire() {
    this.foot.querySelector(".again")?.remove();
  }

  #draw() {
    this.#frame = 0;
    this.text.show(this.turn.content, this.turn.tokens);
    if (this.turn.content) this.foot.replaceChildren();
    this.onDrawn();
  }

  /** What the reply cites and what was read for it; behind what it cites stands the number. */
  #sources() {
    const { reading } = this.turn;
    if (!reading) return [];
    const open = (/** @type {Span} */ span) => this.onSource(reading.index, span);
    this.text.cite(reading.citations, open);
    return [sources(reading, open)];
  }

  #ending() {
    const { ending, failure } = this.turn;
    return [
      ...(ending ? [element("p", { class: "ending" }, ending)] : []),
      ...(failure ? [element("p", { class: "ending failure" }, failure)] : []),
    ];
  }

  /** @param {boolean} isLast */
  #actions(isLast) {
    const { content, failure, figures } = this.turn;
    const copy = button("copy", "Copy", () => navigator.clipboard.writeText(content));
    const again = button("again", failure ? "Try again" : "Regenerate", this.onAgain);
    again.classList.add("again");
    const shown = [...(content && navigator.clipboard ? [copy] : []), ...(isLast ? [again] : [])];
    return [element("div", { class: "actions" }, ...shown, element("p", { class: "figures" }, ...(figures ? numbers(figures) : [])))];
  }
}

/** @param {Figures} figures */
function numbers({ nTokens, tokensPerS, firstTokenS }) {
  const parts = [
    `${nTokens.toLocaleString("en")} ${nTokens === 1 ? "token" : "tokens"}`,
    ...(tokensPerS ? [`${tokensPerS.toFixed(tokensPerS < 10 ? 1 : 0)} tokens/s`] : []),
    `first after ${firstTokenS.toFixed(2)} s`,
  ];
  return parts.map((part) => element("span", {}, part));
}
