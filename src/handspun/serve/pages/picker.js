/** Which model is asked. */

import { byId, element } from "./element.js";
import { keep } from "./storage.js";

/** @typedef {import("./server.js").Model} Model */

const KEY = "handspun.model";
const UNITS = ["B", "KB", "MB", "GB", "TB"];

export class Picker {
  /** @type {Model[] | undefined} what the server has told of them so far */
  models;

  /**
   * @param {Storage} storage
   * @param {{onChoice: (model: string) => void}} listeners
   */
  constructor(storage, { onChoice }) {
    this.storage = storage;
    this.onChoice = onChoice;
    this.select = byId("model", HTMLSelectElement);
    this.facts = byId("model-facts", HTMLElement);
    this.select.addEventListener("change", () => this.choose(this.select.value));
  }

  /** The name of the model that is asked; empty where there is none. */
  get chosen() {
    return this.select.value;
  }

  /** Whether the server has said that there is none. */
  get isEmpty() {
    return this.models?.length === 0;
  }

  /**
   * The models as they are now. The choice stays; at first it is the one of the last visit.
   *
   * @param {Model[]} models
   */
  show(models) {
    const wanted = this.chosen || this.storage.getItem(KEY) || "";
    const before = JSON.stringify(this.models);
    this.models = models;
    if (before === JSON.stringify(models)) return;
    const groups = [
      group("Loaded", models.filter(({ isLoaded }) => isLoaded)),
      group("On the disk", models.filter(({ isLoaded }) => !isLoaded)),
    ];
    this.select.replaceChildren(...groups.flat());
    this.select.disabled = models.length === 0;
    this.choose(models.some(({ name }) => name === wanted) ? wanted : (models[0]?.name ?? ""));
  }

  /** @param {string} name */
  choose(name) {
    const model = this.models?.find((one) => one.name === name);
    this.select.value = name;
    this.facts.replaceChildren(...(model ? facts(model) : []));
    if (model) keep(this.storage, KEY, name);
    this.onChoice(name);
  }
}

/**
 * @param {string} label
 * @param {Model[]} models
 */
function group(label, models) {
  const options = models.map(({ name }) => element("option", { value: name }, name.replace(/:latest$/, "")));
  return options.length ? [element("optgroup", { label }, ...options)] : [];
}

/** @param {Model} model */
function facts({ isLoaded, parameters, quantization, bytes }) {
  const state = element("span", { class: isLoaded ? "state loaded" : "state" }, isLoaded ? "loaded" : "not loaded yet");
  const others = [parameters && `${parameters} parameters`, quantization, size(bytes)].filter(Boolean);
  return [state, ...others.map((fact) => element("span", {}, fact))];
}

/** @param {number} bytes */
function size(bytes) {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}
