/** The conversations that this browser keeps: each under a key of its own, the oldest given up where there are too many. */

import { Conversation } from "./conversation.js";
import { keep } from "./storage.js";

const PREFIX = "handspun.conversation.";
const N_KEPT = 100;

/** How many of the latest keep the probabilities of their tokens, which are most of their size. */
const N_WITH_TOKENS = 20;

export class History {
  /** @param {Storage} storage */
  constructor(storage) {
    this.storage = storage;
  }

  /** Every conversation that can be read, the latest first. */
  all() {
    return this.#keys()
      .map((key) => this.#read(key))
      .filter((conversation) => conversation !== undefined)
      .sort((a, b) => b.changed - a.changed);
  }

  /** @param {string} id */
  find(id) {
    return this.#read(PREFIX + id);
  }

  /**
   * Keep a conversation as it is now; where there is no room, the oldest others go. Says whether it is kept.
   *
   * @param {Conversation} conversation
   */
  keep(conversation) {
    const others = this.all().filter(({ id }) => id !== conversation.id);
    others.splice(N_KEPT - 1).forEach(({ id }) => this.forget(id));
    others.slice(N_WITH_TOKENS - 1).filter(hasTokens).forEach((old) => this.#write(withoutTokens(old)));
    while (!this.#write(conversation)) {
      const oldest = this.#unreadable() ?? others.pop()?.id;
      if (oldest === undefined) return this.#write(withoutTokens(conversation));
      this.forget(oldest);
    }
    return true;
  }

  /** @param {string} id */
  forget(id) {
    this.storage.removeItem(PREFIX + id);
  }

  /** @param {string} key */
  #read(key) {
    try {
      const conversation = Conversation.from(JSON.parse(this.storage.getItem(key) ?? "null"));
      return PREFIX + conversation.id === key ? conversation : undefined;
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  /** @param {Conversation} conversation */
  #write(conversation) {
    return keep(this.storage, PREFIX + conversation.id, JSON.stringify(conversation));
  }

  /** The id of something that is kept and cannot be read, if there is any. */
  #unreadable() {
    return this.#keys().find((key) => !this.#read(key))?.slice(PREFIX.length);
  }

  #keys() {
    const keys = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index) ?? "");
    return keys.filter((key) => key.startsWith(PREFIX));
  }
}

/** @param {Conversation} conversation */
function hasTokens(conversation) {
  return conversation.turns.some((turn) => turn.role === "assistant" && turn.tokens.length > 0);
}

/** @param {Conversation} conversation */
function withoutTokens({ id, givenTitle, changed, turns }) {
  const bare = turns.map((turn) => (turn.role === "assistant" ? { ...turn, tokens: [] } : turn));
  return new Conversation({ id, title: givenTitle, changed, turns: bare });
}
