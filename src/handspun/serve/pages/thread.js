/** The conversation on the screen. */

import { AssistantTurnView } from "./assistant-turn.js";
import { UserTurnView } from "./user-turn.js";

/**
 * @typedef {import("./conversation.js").AssistantTurn} AssistantTurn
 * @typedef {import("./conversation.js").Conversation} Conversation
 * @typedef {import("./conversation.js").Turn} Turn
 * @typedef {import("./tip.js").Tip} Tip
 */

/** How near to its end, in pixels, a thread counts as read to its end. */
const NEAR = 48;

export class Thread {
  /** @type {(UserTurnView | AssistantTurnView)[]} */
  views = [];
  #isAtEnd = true;

  /**
   * @param {HTMLElement} root
   * @param {{tip: Tip, newest: HTMLButtonElement, onEdit: (index: number, changed: {content: string, passage?: string}) => void,
   *   onAgain: () => void, onSource: (index: string, span: import("./reading.js").Span) => void}} parts
   */
  constructor(root, { tip, newest, onEdit, onAgain, onSource }) {
    this.root = root;
    this.tip = tip;
    this.newest = newest;
    this.onEdit = onEdit;
    this.onAgain = onAgain;
    this.onSource = onSource;
    root.addEventListener("scroll", () => this.#read());
    newest.addEventListener("click", () => this.toEnd());
  }

  /** @param {Conversation} conversation */
  show(conversation) {
    this.conversation = conversation;
    this.tip.hide();
    this.views = [];
    this.root.replaceChildren();
    for (const turn of conversation.turns) {
      const view = this.add(turn);
      if (view instanceof AssistantTurnView) view.finish({ isLast: turn === conversation.last });
    }
    this.toEnd();
  }

  /** @param {Turn} turn */
  add(turn) {
    const before = this.views.at(-1);
    if (before instanceof AssistantTurnView) before.retire();
    const view = turn.role === "user" ? this.#userTurn(turn) : this.#assistantTurn(turn);
    this.views.push(view);
    this.root.append(view.root);
    return view;
  }

  /** Change what was said last. */
  editLast() {
    const last = this.views.findLast((view) => view instanceof UserTurnView);
    if (last instanceof UserTurnView) last.edit();
  }

  toEnd() {
    this.root.scrollTop = this.root.scrollHeight;
    this.#read();
  }

  /** @param {import("./conversation.js").UserTurn} turn */
  #userTurn(turn) {
    const index = this.views.length;
    return new UserTurnView(turn, (changed) => this.onEdit(index, changed));
  }

  /** @param {AssistantTurn} turn */
  #assistantTurn(turn) {
    return new AssistantTurnView(turn, {
      onToken: (token, shown) => this.#point(token, shown),
      onAgain: this.onAgain,
      onSource: this.onSource,
      onDrawn: () => this.#isAtEnd && this.toEnd(),
    });
  }

  /**
   * Explain a token, and light up what it was quoted from.
   *
   * @param {import("./token.js").Token} token
   * @param {HTMLElement} shown
   */
  #point(token, shown) {
    const origin = token.source && this.conversation?.quoted(token.source);
    this.tip.show(token, shown, { origin, range: origin && this.#range(origin) });
  }

  /**
   * Where a quotation was taken from, where that can be seen.
   *
   * @param {{turn: number, role: string, before: string, quoted: string}} origin
   */
  #range({ turn, role, before, quoted }) {
    const view = this.views[turn];
    const text = view instanceof UserTurnView ? view.text(role) : undefined;
    if (!text) return undefined;
    const range = new Range();
    range.setStart(text, before.length);
    range.setEnd(text, before.length + quoted.length);
    return range;
  }

  #read() {
    const { scrollTop, scrollHeight, clientHeight } = this.root;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    this.newest.hidden = this.#isAtEnd;
  }
}
