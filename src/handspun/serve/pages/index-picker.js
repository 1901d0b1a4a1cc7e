/** Which index the answers come from. */

import { byId, element } from "./element.js";
import { keep } from "./storage.js";

const KEY = "handspun.index";

export class IndexPicker {
  /** @type {string[]} */
  names = [];

  /** @param {Storage} storage */
  constructor(storage) {
    this.storage = storage;
    this.root = byId("index-choice", HTMLElement);
    this.select = byId("index", HTMLSelectElement);
    this.select.addEventListener("change", () => keep(storage, KEY, this.chosen));
  }

  /** The name of the index that is asked; empty where the model answers by itself. */
  get chosen() {
    return this.select.value;
  }

  /**
   * The indexes as they are now. The choice stays; at first it is the one of the last visit.
   *
   * @param {string[]} names
   */
  show(names) {
    if (JSON.stringify(names) === JSON.stringify(this.names)) return;
    const wanted = this.chosen || this.storage.getItem(KEY) || "";
    const options = names.map((name) => element("option", { value: name }, name));
    this.names = names;
    this.select.replaceChildren(element("option", { value: "" }, "no index"), ...options);
    this.select.value = names.includes(wanted) ? wanted : "";
    this.root.hidden = names.length === 0;
  }

  /**
   * Whether a model's name is that of another with one of the indexes.
   *
   * @param {string} model
   */
  isPair(model) {
    return this.names.some((name) => model.endsWith(`+${name}`));
  }
}
