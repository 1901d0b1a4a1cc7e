/** What a person has said: shown, and changed in its place. */

import { button, element } from "./element.js";

/** @typedef {import("./conversation.js").UserTurn} UserTurn */

/** Characters up to which a passage is shown without being asked for. */
const SHORT = 600;

export class UserTurnView {
  /**
   * @param {UserTurn} turn
   * @param {(changed: {content: string, passage?: string}) => void} onEdit
   */
  constructor(turn, onEdit) {
    this.turn = turn;
    this.onEdit = onEdit;
    this.root = element("article", { class: "turn user", "aria-label": "You" });
    this.#show();
  }

  /** Let it be changed. */
  edit() {
    const { content, passage } = this.turn;
    const read = passage === undefined ? undefined : field("Passage", passage);
    const message = field("Message", content);
    const save = () => this.onEdit({ content: message.input.value.trim(), passage: read?.input.value.trim() || undefined });
    const form = element(
      "form",
      { class: "edit", submit: (/** @type {Event} */ event) => (event.preventDefault(), message.input.value.trim() && save()) },
      ...(read ? [read.label] : []),
      message.label,
      element(
        "div",
        { class: "actions" },
        element("button", { class: "button primary" }, "Send again"),
        element("button", { type: "button", class: "button", click: () => this.#leave() }, "Cancel"),
      ),
    );
    form.addEventListener("keydown", (event) => {
      const isSent = event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === message.input;
      if (!isSent && event.key !== "Escape") return;
      event.preventDefault();
      if (isSent) form.requestSubmit();
      else this.#leave();
    });
    this.root.replaceChildren(form);
    message.input.focus();
  }

  /**
   * The text node of its message, or of the passage where that is open.
   *
   * @param {string} role
   */
  text(role) {
    const shown = this.root.querySelector(role === "passage" ? ".passage[open] .words" : ".bubble");
    return shown?.firstChild;
  }

  #leave() {
    this.#show();
    this.root.querySelector("button")?.focus();
  }

  #show() {
    const { content, passage } = this.turn;
    this.root.replaceChildren(
      ...(passage ? [passageOf(passage)] : []),
      element("div", { class: "bubble" }, content),
      element("div", { class: "actions" }, button("edit", "Edit", () => this.edit())),
    );
  }
}

/** @param {string} text */
function passageOf(text) {
  const size = text.length.toLocaleString("en");
  const summary = element("summary", {}, "Passage ", element("span", { class: "faint" }, `${size} characters`));
  const words = element("div", { class: "words" }, text);
  return element("details", { class: "passage", open: text.length <= SHORT }, summary, words);
}

/**
 * @param {string} name
 * @param {string} text
 */
function field(name, text) {
  const input = element("textarea", { rows: Math.min(8, text.split("\n").length + 1) });
  input.value = text;
  return { input, label: element("label", { class: "field" }, element("span", {}, name), input) };
}
