/** Elements made without markup: whatever is put into them is text. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes, listeners (functions, by the name of their event) and children.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | undefined | ((event: any) => void)>} [attributes]
 *   true: an attribute without a value; false or undefined: none
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/**
 * One of the icons that index.html draws, for the eye only.
 *
 * @param {string} name
 */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  drawing.append(use);
  return drawing;
}

/**
 * A button with an icon and words; `quiet` hides the words from the eye, not from a screen reader.
 *
 * @param {string} name of the icon
 * @param {string} words
 * @param {() => void} act
 * @param {{quiet?: boolean}} [look]
 */
export function button(name, words, act, { quiet = false } = {}) {
  return element(
    "button",
    { type: "button", class: quiet ? "button icon-only" : "button", title: quiet ? words : undefined, click: act },
    icon(name),
    element("span", { class: quiet ? "unseen" : undefined }, words),
  );
}

/**
 * The element of index.html with that id.
 *
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`index.html has no ${kind.name} with the id ${id}`);
  return found;
}
