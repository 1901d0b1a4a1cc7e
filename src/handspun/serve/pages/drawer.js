/** A side of the page that opens and closes: beside the conversation where there is room, over it where there is none. */

const OVER = "over";

export class Drawer {
  /**
   * @param {HTMLElement} drawer
   * @param {HTMLButtonElement} opener
   * @param {{room: string, isWanted: boolean, behind: HTMLElement}} about
   *   `room`: the media query that holds where both fit beside each other; `behind`: what waits while they do not
   */
  constructor(drawer, opener, { room, isWanted, behind }) {
    this.drawer = drawer;
    this.opener = opener;
    this.behind = behind;
    this.isWanted = isWanted;
    this.room = matchMedia(room);
    this.room.addEventListener("change", () => this.#settle());
    opener.addEventListener("click", () => this.toggle());
    drawer.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#isOver) return;
      event.preventDefault();
      this.close();
    });
    drawer.querySelector(".close")?.addEventListener("click", () => this.close());
    document.addEventListener("pointerdown", (event) => this.#isOver && this.#isOutside(event.target) && this.close());
    this.#settle();
  }

  toggle() {
    if (this.drawer.hidden) this.open();
    else this.close();
  }

  open() {
    this.#show(true);
    /** @type {HTMLElement | null} */ (this.drawer.querySelector("button, input, textarea"))?.focus();
  }

  close() {
    this.#show(false);
    this.opener.focus();
  }

  /** Close it if it hides what was chosen in it. */
  yieldRoom() {
    if (this.#isOver) this.#show(false);
  }

  get #isOver() {
    return !this.drawer.hidden && !this.room.matches;
  }

  /** @param {EventTarget | null} target */
  #isOutside(target) {
    return target instanceof Node && !this.drawer.contains(target);
  }

  /** The window has, or has no longer, room for it. */
  #settle() {
    this.#show(this.room.matches && this.isWanted, false);
  }

  /**
   * @param {boolean} isOpen
   * @param {boolean} [isChosen] whether a person wants it so, for as long as there is room
   */
  #show(isOpen, isChosen = true) {
    if (isChosen && this.room.matches) this.isWanted = isOpen;
    this.drawer.hidden = !isOpen;
    this.drawer.classList.toggle(OVER, this.#isOver);
    this.opener.setAttribute("aria-expanded", String(isOpen));
    this.behind.inert = document.querySelector(`.${OVER}`) !== null;
  }
}
