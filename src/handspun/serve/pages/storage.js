/** Where the browser lets us keep things; in memory where it does not. */

/**
 * @param {"localStorage" | "sessionStorage"} area
 * @returns {Storage}
 */
export function openStorage(area) {
  try {
    return window[area];
  } catch (error) {
    if (error instanceof DOMException && error.name === "SecurityError") return new MemoryStorage();
    throw error;
  }
}

/**
 * Keep a text. Says whether there was room for it.
 *
 * @param {Storage} storage
 * @param {string} key
 * @param {string} text
 */
export function keep(storage, key, text) {
  try {
    storage.setItem(key, text);
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "QuotaExceededError") return false;
    throw error;
  }
}

/** A Storage that lasts as long as the page. */
class MemoryStorage {
  /** @type {Map<string, string>} */
  #items = new Map();

  get length() {
    return this.#items.size;
  }

  /** @param {number} index */
  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }

  /** @param {string} key */
  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  setItem(key, value) {
    this.#items.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.#items.delete(key);
  }

  clear() {
    this.#items.clear();
  }
}
