/** The card beside a token: how likely it was, what else might have stood there, and where it was quoted from. */

import { element } from "./element.js";
import { percent, spelled } from "./token.js";

/**
 * @typedef {import("./token.js").Token} Token
 * @typedef {{role: string, before: string, quoted: string, after: string}} Origin
 */

/** The name by which page.css knows the highlight. */
const SOURCE = "source";

const GAP = 8;
const LINGER_MS = 180;
const EXCERPT = 60;
const OWNERS = { passage: "the passage", user: "your message", assistant: "an earlier reply" };

export class Tip {
  /** @type {HTMLElement | undefined} */
  #token;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;

  /**
   * @param {HTMLElement} card
   * @param {HTMLElement} field whose tokens it explains
   */
  constructor(card, field) {
    this.card = card;
    for (const place of [card, field]) {
      place.addEventListener("pointerover", (event) => this.#stay(event.target));
      place.addEventListener("pointerleave", () => this.#leave());
    }
    field.addEventListener("focusout", () => this.hide());
    field.addEventListener("scroll", () => this.hide());
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.hide());
  }

  /**
   * @param {Token} token
   * @param {HTMLElement} shown
   * @param {{origin?: Origin, range?: Range}} source what it was quoted from, and where that is on the screen
   */
  show(token, shown, { origin, range }) {
    this.hide();
    this.card.replaceChildren(likeliest(token), ...(token.source ? [quotation(origin)] : []));
    this.card.hidden = false;
    this.#token = shown;
    shown.setAttribute("aria-describedby", this.card.id);
    shown.classList.add("pointed");
    if (range && "highlights" in CSS) CSS.highlights.set(SOURCE, new Highlight(range));
    this.#place(shown.getClientRects()[0]);
  }

  hide() {
    clearTimeout(this.#leaving);
    this.#token?.removeAttribute("aria-describedby");
    this.#token?.classList.remove("pointed");
    this.#token = undefined;
    if ("highlights" in CSS) CSS.highlights.delete(SOURCE);
    this.card.hidden = true;
  }

  /** @param {EventTarget | null} target */
  #stay(target) {
    clearTimeout(this.#leaving);
    if (target instanceof Element && !target.closest(".token, .tip")) this.#leave();
  }

  #leave() {
    clearTimeout(this.#leaving);
    if (document.activeElement !== this.#token) this.#leaving = setTimeout(() => this.hide(), LINGER_MS);
  }

  /** @param {DOMRect} beside */
  #place({ left, top, bottom }) {
    const { width, height } = this.card.getBoundingClientRect();
    const above = top - height - GAP;
    this.card.style.left = `${Math.max(GAP, Math.min(left, document.documentElement.clientWidth - width - GAP))}px`;
    this.card.style.top = `${above < GAP ? bottom + GAP : above}px`;
  }
}

/** @param {Token} token */
function likeliest({ text, logProb, likeliest: others }) {
  const taken = others.find((other) => other.text === text) ?? { text, logProb };
  const rows = others.includes(taken) ? others : [taken, ...others];
  return element("ol", { class: "tip-likeliest" }, ...rows.map((one) => row(one, one === taken)));
}

/**
 * @param {import("./token.js").Candidate} candidate
 * @param {boolean} isTaken
 */
function row({ text, logProb }, isTaken) {
  const bar = element("span", { class: "tip-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(Math.exp(logProb)));
  const shown = [element("code", {}, spelled(text)), bar, element("span", {}, percent(logProb))];
  return element("li", { class: isTaken ? "taken" : undefined }, ...shown);
}

/** @param {Origin} [origin] */
function quotation(origin) {
  if (!origin) return element("p", { class: "tip-source" }, "Quoted from the system prompt.");
  const { before, quoted, after, role } = origin;
  return element(
    "p",
    { class: "tip-source" },
    `Quoted from ${OWNERS[/** @type {keyof typeof OWNERS} */ (role)]}: `,
    element("q", {}, excerpt(before, -EXCERPT), element("mark", {}, quoted), excerpt(after, EXCERPT)),
  );
}

/**
 * The first characters of a text, or with a negative count its last.
 *
 * @param {string} text
 * @param {number} n
 */
function excerpt(text, n) {
  if (text.length <= Math.abs(n)) return text;
  return n < 0 ? `…${text.slice(n)}` : `${text.slice(0, n)}…`;
}
