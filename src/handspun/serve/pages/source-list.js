/** Below a reply: what it cites, what was read for it, and what came near where nothing was found. */

import { element } from "./element.js";
import { placeOf, placesCited } from "./reading.js";

/**
 * @typedef {import("./reading.js").Reading} Reading
 * @typedef {import("./reading.js").Span} Span
 * @typedef {(span: Span) => void} OnOpen
 */

const UNSUPPORTED = "Not supported by the passages.";

/**
 * What is to be said of a reply, as a sentence; empty where its citations say it all.
 *
 * @param {Reading} reading
 */
export function verdict({ index, kind, supported }) {
  if (kind !== "unknown") return supported ? "" : UNSUPPORTED;
  return `Nothing that was found in ${index} answers this.`;
}

/**
 * @param {Reading} reading
 * @param {OnOpen} onOpen
 */
export function sources(reading, onOpen) {
  const { citations, sent } = reading;
  const said = verdict(reading);
  const nearest = sent.length ? [] : reading.nearest;
  return element(
    "div",
    { class: "sources" },
    ...(said ? [element("p", { class: "ending" }, said)] : []),
    ...(nearest.length ? [near(nearest, onOpen)] : []),
    ...(citations.length ? [cited(citations, onOpen)] : []),
    ...(sent.length ? [read(reading, onOpen)] : []),
  );
}

/**
 * @param {import("./reading.js").Citation[]} citations
 * @param {OnOpen} onOpen
 */
function cited(citations, onOpen) {
  const items = placesCited(citations).map((span, place) => element("li", {}, opener(span, onOpen, place + 1)));
  return element("ol", { "aria-label": "Citations" }, ...items);
}

/**
 * @param {Span[]} nearest
 * @param {OnOpen} onOpen
 */
function near(nearest, onOpen) {
  const items = nearest.map((span) => element("li", {}, opener(span, onOpen)));
  return element("ul", { "aria-label": "Nearest passages" }, ...items);
}

/**
 * @param {Reading} reading
 * @param {OnOpen} onOpen
 */
function read({ sent, nLeftOut }, onOpen) {
  const nTokens = sent.reduce((sum, one) => sum + one.nTokens, 0);
  const passages = sent.length === 1 ? "1 passage" : `${sent.length} passages`;
  const leftOut = nLeftOut ? `, ${nLeftOut} left out for want of room` : "";
  const items = sent.map((one) => {
    const size = `${count(one.nTokens)}${one.isCut ? ", cut" : ""}`;
    return element("li", {}, opener(one, onOpen), element("span", { class: "faint" }, size));
  });
  return element(
    "details",
    {},
    element("summary", {}, `Was sent: ${passages} `, element("span", { class: "faint" }, count(nTokens) + leftOut)),
    element("ul", {}, ...items),
  );
}

/**
 * The button that shows a passage.
 *
 * @param {Span} span
 * @param {OnOpen} onOpen
 * @param {number} [number]
 */
function opener(span, onOpen, number) {
  const place = placeOf(span);
  return element(
    "button",
    { type: "button", class: "button source", click: () => onOpen(span) },
    ...(number ? [element("span", { class: "number" }, String(number))] : []),
    element("span", { class: "name" }, span.source, ...(place ? [element("span", { class: "faint" }, place)] : [])),
  );
}

/** @param {number} nTokens */
function count(nTokens) {
  return `${nTokens.toLocaleString("en")} ${nTokens === 1 ? "token" : "tokens"}`;
}
