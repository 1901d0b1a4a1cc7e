/** Asks for the API key that a server wants to see. */

import { byId } from "./element.js";

/** @typedef {import("./server.js").Server} Server */

export class Keyring {
  /**
   * @param {Server} server
   * @param {() => void} onKey a key was given
   */
  constructor(server, onKey) {
    this.server = server;
    this.dialog = byId("keyring", HTMLDialogElement);
    this.input = byId("key", HTMLInputElement);
    this.refusal = byId("key-refused", HTMLElement);
    byId("key-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      server.key = this.input.value.trim();
      this.dialog.close();
      onKey();
    });
    byId("key-cancel", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
  }

  /** Ask, unless it is being asked already. */
  ask() {
    if (this.dialog.open) return;
    this.input.value = "";
    this.refusal.hidden = this.server.key === "";
    this.dialog.showModal();
  }
}
