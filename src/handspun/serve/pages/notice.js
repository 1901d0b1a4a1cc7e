/** Sentences for a person: beside the conversation for the eye, and aloud for who listens. */

import { byId, element } from "./element.js";

const SHOWN_MS = 8000;

export class Notices {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #closing;

  constructor() {
    this.place = byId("notices", HTMLElement);
    this.aloud = byId("aloud", HTMLElement);
  }

  /**
   * A sentence that stays until the next one or, with `isPassing`, for some seconds.
   *
   * @param {string} sentence
   * @param {{kind?: "calm" | "trouble", isPassing?: boolean, action?: {words: string, act: () => void}}} [about]
   */
  show(sentence, { kind = "calm", isPassing = false, action } = {}) {
    clearTimeout(this.#closing);
    const act = action && element("button", { type: "button", class: "button", click: () => (this.clear(), action.act()) }, action.words);
    this.place.replaceChildren(element("div", { class: `notice ${kind}` }, element("p", {}, sentence), ...(act ? [act] : [])));
    this.say(sentence);
    if (isPassing) this.#closing = setTimeout(() => this.clear(), SHOWN_MS);
  }

  clear() {
    clearTimeout(this.#closing);
    this.place.replaceChildren();
  }

  /**
   * For screen readers only, when they have finished what they are at.
   *
   * @param {string} text
   */
  say(text) {
    this.aloud.textContent = text;
  }
}
