/** The parts of a text that are set differently: paragraphs, fenced code, and code within a line. */

/**
 * `text.slice(start, end)`; fences, backticks and the blank lines between paragraphs belong to no part.
 *
 * @typedef {object} Block
 * @property {"paragraph" | "code"} kind
 * @property {number} start
 * @property {number} end
 * @property {string} [language]
 */

const FENCE = /^ {0,3}```\s*([\w+#.-]*)[^`]*$/;
const INLINE_CODE = /`([^`\n]+)`/g;

/**
 * @param {string} text
 * @returns {Block[]}
 */
export function blocks(text) {
  /** @type {Block[]} */
  const found = [];
  /** @type {Block | undefined} */
  let open;
  let start = 0;
  for (const line of text.split("\n")) {
    const end = start + line.length;
    const fence = FENCE.exec(line);
    if (fence && open?.kind === "code") {
      open = undefined;
    } else if (fence) {
      const next = Math.min(end + 1, text.length);
      found.push((open = { kind: "code", start: next, end: next, language: fence[1] }));
    } else if (open?.kind === "code" || (open && line.trim())) {
      open.end = end;
    } else if (line.trim()) {
      found.push((open = { kind: "paragraph", start, end }));
    } else {
      open = undefined;
    }
    start = end + 1;
  }
  return found;
}

/**
 * A paragraph as runs of words and of code.
 *
 * @param {string} text
 * @param {Block} paragraph
 * @returns {{isCode: boolean, start: number, end: number}[]}
 */
export function runs(text, { start, end }) {
  const found = [];
  let place = start;
  for (const match of text.slice(start, end).matchAll(INLINE_CODE)) {
    const opening = start + match.index;
    found.push({ isCode: false, start: place, end: opening });
    place = opening + match[0].length;
    found.push({ isCode: true, start: opening + 1, end: place - 1 });
  }
  return [...found, { isCode: false, start: place, end }];
}
