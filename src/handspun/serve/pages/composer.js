/** Where a message is written, with a passage to read before it. */

import { byId } from "./element.js";

export class Composer {
  /** @param {{onSend: (content: string, passage?: string) => void, onStop: () => void}} listeners */
  constructor({ onSend, onStop }) {
    this.form = byId("composer", HTMLFormElement);
    this.message = byId("message", HTMLTextAreaElement);
    this.passage = byId("passage", HTMLTextAreaElement);
    this.passageField = byId("passage-field", HTMLElement);
    this.passageOpener = byId("passage-open", HTMLButtonElement);
    this.sendButton = byId("send", HTMLButtonElement);
    this.stopButton = byId("stop", HTMLButtonElement);
    this.onSend = onSend;
    this.form.addEventListener("submit", (event) => (event.preventDefault(), this.#send()));
    this.message.addEventListener("keydown", (event) => this.#press(event));
    this.passageOpener.addEventListener("click", () => this.togglePassage());
    byId("passage-close", HTMLButtonElement).addEventListener("click", () => this.togglePassage());
    this.stopButton.addEventListener("click", onStop);
    for (const field of [this.message, this.passage]) field.addEventListener("input", () => grow(field));
  }

  /**
   * @param {string} content
   * @param {string} [passage]
   */
  fill(content, passage = "") {
    this.message.value = content;
    this.passage.value = passage;
    this.#showPassage(passage !== "");
    grow(this.message);
    grow(this.passage);
    this.focus();
  }

  focus() {
    this.message.focus();
  }

  togglePassage() {
    this.#showPassage(this.passageField.hidden);
    (this.passageField.hidden ? this.passageOpener : this.passage).focus();
  }

  /** @param {boolean} isBusy a reply is being written */
  set isBusy(isBusy) {
    const hadFocus = document.activeElement === (isBusy ? this.sendButton : this.stopButton);
    this.sendButton.hidden = isBusy;
    this.stopButton.hidden = !isBusy;
    if (hadFocus) (isBusy ? this.stopButton : this.message).focus();
  }

  /** @param {boolean} isOpen */
  #showPassage(isOpen) {
    this.passageField.hidden = !isOpen;
    this.passageOpener.setAttribute("aria-expanded", String(isOpen));
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!this.sendButton.hidden) this.form.requestSubmit();
  }

  #send() {
    const content = this.message.value.trim();
    const passage = this.passageField.hidden ? "" : this.passage.value.trim();
    if (!content || this.sendButton.hidden) return;
    this.onSend(content, passage || undefined);
  }
}

/**
 * As many lines as the text has, up to what the style sheet allows.
 *
 * @param {HTMLTextAreaElement} field
 */
function grow(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}
