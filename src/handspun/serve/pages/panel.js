/** The panel in which sampling is set. */

import { byId, element } from "./element.js";
import { complaint, keepChoices, noChoices, options, readChoices, SETTINGS } from "./setting.js";

/** @typedef {import("./setting.js").Setting} Setting */

export class Panel {
  /**
   * @param {Storage} storage
   * @param {{onTint: (isTinted: boolean) => void}} listeners
   */
  constructor(storage, { onTint }) {
    this.storage = storage;
    this.onTint = onTint;
    this.choices = readChoices(storage);
    /** @type {Record<string, string>} */
    this.defaults = {};
    this.system = byId("system", HTMLTextAreaElement);
    this.tint = byId("tint", HTMLInputElement);
    this.fields = SETTINGS.map((setting) => new SettingField(setting, (text) => this.#set(setting, text)));
    byId("settings", HTMLElement).append(...this.fields.map(({ root }) => root));
    byId("reset", HTMLButtonElement).addEventListener("click", () => this.#reset());
    this.system.addEventListener("input", () => this.#change({ system: this.system.value }));
    this.tint.addEventListener("change", () => this.#change({ tinted: this.tint.checked }));
    this.#show();
  }

  /** The first of the fields that cannot be as it is. */
  get wrongField() {
    return this.fields.find(({ isWrong }) => isWrong);
  }

  /** How many tokens a reply may have; below 0: until the context is full. */
  get maxTokens() {
    return options(this.choices).num_predict ?? Number(this.defaults.num_predict);
  }

  /**
   * What holds where a field is left empty.
   *
   * @param {Record<string, string>} ofModel
   */
  showDefaults(ofModel) {
    this.defaults = ofModel;
    for (const field of this.fields) field.showDefault(ofModel);
  }

  /**
   * @param {Setting} setting
   * @param {string} text
   */
  #set({ name }, text) {
    this.#change({ typed: { ...this.choices.typed, [name]: text } });
  }

  /** @param {Partial<import("./setting.js").Choices>} change */
  #change(change) {
    this.choices = { ...this.choices, ...change };
    keepChoices(this.storage, this.choices);
    this.onTint(this.choices.tinted);
  }

  #reset() {
    this.#change(noChoices());
    this.#show();
  }

  #show() {
    this.system.value = this.choices.system;
    this.tint.checked = this.choices.tinted;
    for (const field of this.fields) field.show(this.choices.typed[field.setting.name] ?? "");
    this.onTint(this.choices.tinted);
  }
}

/** One setting: a number, or nothing where the default is to hold. */
class SettingField {
  /**
   * @param {Setting} setting
   * @param {(text: string) => void} onInput
   */
  constructor(setting, onInput) {
    const { name, label, hint, least, step } = setting;
    const id = `setting-${name}`;
    this.setting = setting;
    this.input = element("input", {
      id,
      name,
      inputmode: step === 1 ? "numeric" : "decimal",
      autocomplete: "off",
      placeholder: setting.fallback,
      "aria-describedby": `${id}-hint`,
      input: () => (onInput(this.input.value), this.#check()),
      keydown: (/** @type {KeyboardEvent} */ event) => this.#step(event, onInput, least, step),
    });
    this.hint = element("p", { id: `${id}-hint`, class: "hint" }, hint);
    this.root = element("div", { class: "setting" }, element("label", { for: id }, label), this.input, this.hint);
  }

  get isWrong() {
    return complaint(this.setting, this.input.value) !== "";
  }

  /** @param {string} text */
  show(text) {
    this.input.value = text;
    this.#check();
  }

  /** @param {Record<string, string>} ofModel */
  showDefault(ofModel) {
    this.input.placeholder = ofModel[this.setting.name] ?? this.setting.fallback;
  }

  #check() {
    const wrong = complaint(this.setting, this.input.value);
    this.input.setAttribute("aria-invalid", String(wrong !== ""));
    this.hint.textContent = wrong || this.setting.hint;
  }

  /**
   * The arrows up and down change the number by a step.
   *
   * @param {KeyboardEvent} event
   * @param {(text: string) => void} onInput
   * @param {number} least
   * @param {number} step
   */
  #step(event, onInput, least, step) {
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!direction) return;
    event.preventDefault();
    const now = Number(this.input.value || this.input.placeholder);
    const next = Number.isFinite(now) ? now + direction * step : least;
    this.show(String(Number(Math.max(least, Math.min(this.setting.most, next)).toFixed(4))));
    onInput(this.input.value);
  }
}
