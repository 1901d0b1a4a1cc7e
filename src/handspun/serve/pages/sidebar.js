/** The list of conversations. */

import { button, byId, element } from "./element.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */

export class Sidebar {
  /**
   * @param {{onOpen: (id: string) => void, onRename: (id: string, title: string) => void,
   *   onExport: (id: string) => void, onDelete: (id: string) => void}} listeners
   */
  constructor(listeners) {
    this.listeners = listeners;
    this.list = byId("conversations", HTMLElement);
    this.empty = byId("no-conversations", HTMLElement);
  }

  /**
   * @param {Conversation[]} conversations
   * @param {string} current id of the one on the screen
   */
  show(conversations, current) {
    this.list.replaceChildren(...conversations.map((conversation) => this.#item(conversation, conversation.id === current)));
    this.empty.hidden = conversations.length > 0;
  }

  /**
   * @param {Conversation} conversation
   * @param {boolean} isCurrent
   */
  #item({ id, title }, isCurrent) {
    const { onOpen, onExport, onDelete } = this.listeners;
    const open = element(
      "button",
      { type: "button", class: "open", "aria-current": isCurrent && "true", title, click: () => onOpen(id) },
      title,
    );
    const item = element("li", { class: "conversation" }, open);
    item.append(
      element(
        "div",
        { class: "tools" },
        button("edit", `Rename “${title}”`, () => this.#rename(item, id, title), { quiet: true }),
        button("export", `Export “${title}” as JSON`, () => onExport(id), { quiet: true }),
        button("delete", `Delete “${title}”`, () => onDelete(id), { quiet: true }),
      ),
    );
    return item;
  }

  /**
   * @param {HTMLElement} item
   * @param {string} id
   * @param {string} title
   */
  #rename(item, id, title) {
    const input = element("input", { class: "title", "aria-label": "Name of the conversation", maxlength: 120 });
    const before = [...item.children];
    let isOver = false;
    const end = (/** @type {boolean} */ isKept) => {
      if (isOver) return;
      isOver = true;
      item.replaceChildren(...before);
      if (isKept && input.value.trim() !== title) this.listeners.onRename(id, input.value.trim());
      else item.querySelector("button")?.focus();
    };
    input.value = title;
    input.addEventListener("blur", () => end(true));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      end(event.key === "Enter");
    });
    item.replaceChildren(input);
    input.select();
  }
}
