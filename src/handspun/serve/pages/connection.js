/** Whether the server is there: looked after now and then, and often while it is away. */

/** @typedef {import("./server.js").Server} Server */

const CALM_MS = 15_000;
const AWAY_MS = [500, 1000, 2000, 4000];

export class Connection {
  #nMissed = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #next;

  /**
   * @param {Server} server
   * @param {{onGone: () => void, onBack: () => void, onCalm: () => void}} listeners
   *   `onCalm`: it is there as it was before
   */
  constructor(server, { onGone, onBack, onCalm }) {
    this.server = server;
    this.onGone = onGone;
    this.onBack = onBack;
    this.onCalm = onCalm;
    document.addEventListener("visibilitychange", () => !document.hidden && this.look());
    this.#wait(CALM_MS);
  }

  /** Look now. */
  async look() {
    clearTimeout(this.#next);
    const [isThere, wasAway] = [await this.server.isThere(), this.#nMissed > 0];
    this.#nMissed = isThere ? 0 : this.#nMissed + 1;
    if (isThere) (wasAway ? this.onBack : this.onCalm)();
    else if (!wasAway) this.onGone();
    this.#wait(isThere ? CALM_MS : AWAY_MS[Math.min(this.#nMissed, AWAY_MS.length) - 1]);
  }

  /** @param {number} ms */
  #wait(ms) {
    clearTimeout(this.#next);
    this.#next = setTimeout(() => (document.hidden ? this.#wait(ms) : this.look()), ms);
  }
}
