/** Light or dark: as the system has it, until a person chooses. */

import { byId } from "./element.js";
import { keep } from "./storage.js";

const KEY = "handspun.theme";

export class Theme {
  /** @param {Storage} storage */
  constructor(storage) {
    this.storage = storage;
    this.root = document.documentElement;
    this.toggle = byId("theme", HTMLButtonElement);
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.system.addEventListener("change", () => this.#show());
    this.toggle.addEventListener("click", () => this.#choose(this.isDark ? "light" : "dark"));
    this.#show();
  }

  get isDark() {
    const chosen = this.storage.getItem(KEY);
    return chosen === "dark" || (chosen !== "light" && this.system.matches);
  }

  /** @param {"light" | "dark"} theme */
  #choose(theme) {
    keep(this.storage, KEY, theme);
    this.#show();
  }

  #show() {
    this.root.dataset.theme = this.isDark ? "dark" : "light";
    this.toggle.setAttribute("aria-pressed", String(this.isDark));
  }
}
