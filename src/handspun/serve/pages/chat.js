/** The conversation that goes on: asks, shows what is answered, and keeps it. */

import { AssistantTurnView } from "./assistant-turn.js";
import { Conversation } from "./conversation.js";
import { readingOf } from "./reading.js";
import { ServerError } from "./server.js";
import { TokenReader } from "./token.js";

/**
 * @typedef {import("./conversation.js").AssistantTurn} AssistantTurn
 * @typedef {import("./history.js").History} History
 * @typedef {import("./server.js").Server} Server
 * @typedef {import("./thread.js").Thread} Thread
 *
 * @typedef {object} Question     how the next reply is asked for
 * @property {string} model
 * @property {string} index       to answer through; empty: the model answers by itself
 * @property {string} system
 * @property {Record<string, number>} options
 * @property {number} maxTokens     longest reply; below 0: until the context is full
 */

const STOPPED = "Stopped.";
const N_NS = 1e9;

export class Chat {
  conversation = new Conversation();
  /** @type {AbortController | undefined} */
  #asking;

  /**
   * @param {{server: Server, history: History, thread: Thread, question: () => Question}} parts
   * @param {{onChange: () => void, onBusy: (isBusy: boolean) => void, onReply: (turn: AssistantTurn) => void,
   *   onError: (error: ServerError) => void, onFull: () => void}} listeners
   */
  constructor({ server, history, thread, question }, listeners) {
    this.server = server;
    this.history = history;
    this.thread = thread;
    this.question = question;
    this.listeners = listeners;
  }

  get isBusy() {
    return this.#asking !== undefined;
  }

  /** @param {Conversation} conversation */
  open(conversation) {
    this.stop();
    this.conversation = conversation;
    this.thread.show(conversation);
    this.listeners.onChange();
  }

  /**
   * Say something, after a passage to read where there is one, and ask for the reply.
   *
   * @param {string} content
   * @param {string} [passage]
   */
  send(content, passage) {
    /** @type {import("./conversation.js").UserTurn} */
    const turn = { role: "user", content, ...(passage && { passage }) };
    this.conversation.add(turn);
    this.thread.add(turn);
    return this.#answer();
  }

  /**
   * Say something else in place of a turn, and go on from there.
   *
   * @param {number} index
   * @param {{content: string, passage?: string}} changed
   */
  edit(index, { content, passage }) {
    this.#cut(index);
    return this.send(content, passage);
  }

  /** Ask for the last reply again. */
  regenerate() {
    if (this.conversation.isEmpty) return undefined;
    if (this.conversation.last?.role === "assistant") this.#cut(this.conversation.turns.length - 1);
    return this.#answer();
  }

  /** End the reply that is being written, here and on the server. */
  stop() {
    this.#asking?.abort();
  }

  /** @param {number} index */
  #cut(index) {
    this.stop();
    this.conversation.cut(index);
    this.thread.show(this.conversation);
  }

  async #answer() {
    this.stop();
    const { conversation } = this;
    const asking = (this.#asking = new AbortController());
    const { model, index, system, options, maxTokens } = this.question();
    const question = { model, ...(index && { index }), options, messages: conversation.messages(system) };
    /** @type {AssistantTurn} */
    const turn = { role: "assistant", content: "", tokens: [], model };
    conversation.add(turn);
    const view = /** @type {AssistantTurnView} */ (this.thread.add(turn));
    view.grow();
    this.thread.toEnd();
    this.#keep(conversation);
    this.listeners.onBusy(true);
    this.#tellOfLoading(model, view);
    try {
      const parts = this.server.chat(question, asking.signal);
      await this.#listen(turn, view, { parts, reader: new TokenReader(system ? 1 : 0), maxTokens });
    } catch (error) {
      this.#fail(turn, error, asking.signal);
    }
    view.finish({ isLast: turn === conversation.last });
    const isForgotten = !conversation.turns.includes(turn) || !this.history.find(conversation.id);
    if (!isForgotten) this.#keep(conversation);
    if (this.#asking !== asking) return;
    this.#asking = undefined;
    this.listeners.onBusy(false);
    if (conversation === this.conversation) this.listeners.onReply(turn);
  }

  /**
   * Say that a model is being loaded, where it is not in memory.
   *
   * @param {string} model
   * @param {AssistantTurnView} view
   */
  async #tellOfLoading(model, view) {
    const isLoaded = await this.server.isLoaded(model).catch(() => true); // the reply's own request says what is wrong
    if (!isLoaded) view.wait(`Loading ${model.replace(/:latest$/, "")}…`);
  }

  /**
   * Let a turn grow by what the server sends.
   *
   * @param {AssistantTurn} turn
   * @param {AssistantTurnView} view
   * @param {{parts: AsyncIterable<any>, reader: TokenReader, maxTokens: number}} answer
   */
  async #listen(turn, view, { parts, reader, maxTokens }) {
    const began = performance.now();
    let firstTokenS;
    for await (const part of parts) {
      const content = part.message?.content ?? "";
      if (content) firstTokenS ??= (performance.now() - began) / 1000;
      turn.content += content;
      turn.tokens.push(...reader.read(part));
      view.grow();
      if (part.done) this.#end(turn, part, { firstTokenS: firstTokenS ?? (performance.now() - began) / 1000, maxTokens });
    }
  }

  /**
   * @param {AssistantTurn} turn
   * @param {any} part the last of the reply, with its figures
   * @param {{firstTokenS: number, maxTokens: number}} about
   */
  #end(turn, part, { firstTokenS, maxTokens }) {
    const { done_reason, eval_count: nTokens = 0, eval_duration = 0, prompt_eval_count: nPrompt = 0, truncated_tokens } = part;
    const tokensPerS = eval_duration ? (nTokens * N_NS) / eval_duration : 0;
    turn.figures = { nTokens, nPrompt, firstTokenS, tokensPerS };
    const forgotten = truncated_tokens
      ? `The conversation outgrew the model's context: its oldest ${truncated_tokens.toLocaleString("en")} tokens were left out.`
      : "";
    const ending = [done_reason === "length" ? limit(turn.figures, maxTokens) : "", forgotten].filter(Boolean).join(" ");
    if (ending) turn.ending = ending;
    const reading = readingOf(part);
    if (reading) turn.reading = reading;
  }

  /**
   * Note why a reply is not whole.
   *
   * @param {AssistantTurn} turn
   * @param {unknown} error
   * @param {AbortSignal} signal
   */
  #fail(turn, error, signal) {
    if (signal.aborted) {
      turn.ending = STOPPED;
    } else if (error instanceof ServerError) {
      turn.failure = error.message;
      this.listeners.onError(error);
    } else {
      throw error;
    }
  }

  /** @param {Conversation} conversation */
  #keep(conversation) {
    if (!this.history.keep(conversation)) this.listeners.onFull();
    this.listeners.onChange();
  }
}

/**
 * Which limit a reply has reached, as a sentence.
 *
 * @param {import("./conversation.js").Figures} figures
 * @param {number} maxTokens
 */
function limit({ nTokens, nPrompt }, maxTokens) {
  if (nTokens === maxTokens) return `The reply ended at ${count(nTokens)}: Max tokens, which can be set under Sampling.`;
  return `The reply ended where the model's context was full, at ${count(nPrompt + nTokens)}.`;
}

/** @param {number} nTokens */
function count(nTokens) {
  return `${nTokens.toLocaleString("en")} ${nTokens === 1 ? "token" : "tokens"}`;
}
