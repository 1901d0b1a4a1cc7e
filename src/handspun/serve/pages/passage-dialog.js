/** A passage of an index in its document, with what was cited of it marked. */

import { byId, element } from "./element.js";
import { placeOf } from "./reading.js";
import { ServerError } from "./server.js";

/** @typedef {import("./reading.js").Span} Span */

export class PassageDialog {
  /** @param {import("./server.js").Server} server */
  constructor(server) {
    this.server = server;
    this.dialog = byId("source", HTMLDialogElement);
    this.title = byId("source-title", HTMLElement);
    this.facts = byId("source-facts", HTMLElement);
    this.words = byId("source-words", HTMLElement);
    byId("source-close", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
  }

  /**
   * Show the passage that a span lies in.
   *
   * @param {string} index
   * @param {Span} span
   */
  async show(index, span) {
    const words = await this.#words(index, span);
    this.title.textContent = span.source;
    this.facts.textContent = [placeOf(span), `in ${index}`].filter(Boolean).join(", ");
    this.words.replaceChildren(...words);
    this.dialog.showModal();
    this.words.querySelector("mark")?.scrollIntoView({ block: "center" });
  }

  /**
   * @param {string} index
   * @param {Span} span
   */
  async #words(index, span) {
    try {
      return marked(await this.server.passage(index, span.chunkId), span);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return [element("p", { class: "refused" }, error.message)];
    }
  }
}

/**
 * The text around a passage, the passage, and in it what a span holds.
 *
 * @param {{start: number, before: string, text: string, after: string}} passage
 * @param {Span} span
 */
function marked({ start, before, text, after }, span) {
  const characters = Array.from(text);
  const [from, to] = [span.start - start, span.end - start];
  const slice = (/** @type {number} */ first, /** @type {number} */ last) => characters.slice(first, last).join("");
  const cited = element("mark", {}, slice(from, to));
  const passage = element("span", { class: "read" }, slice(0, from), cited, slice(to, characters.length));
  return [before, passage, after];
}
