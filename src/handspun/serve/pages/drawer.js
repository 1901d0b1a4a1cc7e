/** A side of the page that opens and closes: beside the conversation where there is room, over it where there is none. */

export class Drawer {
  /**
   * @param {HTMLElement} drawer
   * @param {HTMLButtonElement} opener
   * @param {{room: string, isWanted: boolean}} about `room`: the media query that holds where both fit beside each other
   */
  constructor(drawer, opener, { room, isWanted }) {
    this.drawer = drawer;
    this.opener = opener;
    this.isWanted = isWanted;
    this.room = matchMedia(room);
    this.room.addEventListener("change", () => this.#settle());
    opener.addEventListener("click", () => this.toggle());
    drawer.querySelector(".close")?.addEventListener("click", () => this.close());
    drawer.addEventListener("focusout", (event) => this.#isOutside(event.relatedTarget) && this.yieldRoom());
    document.addEventListener("pointerdown", (event) => this.#isOutside(event.target) && this.yieldRoom());
    drawer.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#isOver) return;
      event.preventDefault();
      this.close();
    });
    this.#settle();
  }

  toggle() {
    if (this.drawer.hidden) this.open();
    else this.close();
  }

  open() {
    this.#choose(true);
    /** @type {HTMLElement | null} */ (this.drawer.querySelector("button, input, textarea"))?.focus();
  }

  close() {
    this.#choose(false);
    this.opener.focus();
  }

  /** Close it if it hides something. */
  yieldRoom() {
    if (this.#isOver) this.#show(false);
  }

  get #isOver() {
    return !this.drawer.hidden && !this.room.matches;
  }

  /** @param {EventTarget | null} target */
  #isOutside(target) {
    return target instanceof Node && !this.drawer.contains(target) && !this.opener.contains(target);
  }

  /** @param {boolean} isOpen for as long as there is room */
  #choose(isOpen) {
    if (this.room.matches) this.isWanted = isOpen;
    this.#show(isOpen);
  }

  /** The window has, or has no longer, room for it. */
  #settle() {
    this.#show(this.room.matches && this.isWanted);
  }

  /** @param {boolean} isOpen */
  #show(isOpen) {
    this.drawer.hidden = !isOpen;
    this.drawer.classList.toggle("over", this.#isOver);
    this.opener.setAttribute("aria-expanded", String(isOpen));
  }
}
