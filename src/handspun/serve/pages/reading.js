/** What an answer through an index says of where it comes from, as the page keeps it. */

/**
 * @typedef {object} Span        code points `start` to `end` of a source's text
 * @property {string} source
 * @property {number} start
 * @property {number} end
 * @property {string} chunkId
 * @property {string} heading
 * @property {number | null} page
 *
 * @typedef {Span & {answerStart: number, answerEnd: number}} Citation   these code points of the reply say so
 * @typedef {Span & {nTokens: number, isCut: boolean}} Sent
 *
 * @typedef {object} Reading
 * @property {string} index
 * @property {string} kind       "unknown": nothing was found
 * @property {boolean} supported
 * @property {Citation[]} citations
 * @property {Sent[]} sent
 * @property {number} nLeftOut   passages that there was no room for
 * @property {Span[]} nearest
 */

/**
 * The reading of the last part of a reply; none where no index was asked.
 *
 * @param {any} part
 * @returns {Reading | undefined}
 */
export function readingOf({ searched, kind, supported, citations = [], sent = [], n_left_out = 0, nearest = [] }) {
  if (!searched) return undefined;
  return {
    index: searched,
    kind,
    supported,
    citations: citations.map((/** @type {any} */ one) => ({ ...spanOf(one), answerStart: one.answer_start, answerEnd: one.answer_end })),
    sent: sent.map((/** @type {any} */ one) => ({ ...spanOf(one), nTokens: one.n_tokens, isCut: one.is_cut })),
    nLeftOut: n_left_out,
    nearest: nearest.map(spanOf),
  };
}

/** @param {any} sent */
function spanOf({ source, start, end, chunk_id, heading, page }) {
  return { source, start, end, chunkId: chunk_id, heading, page };
}

/**
 * Whether something read from storage is a reading.
 *
 * @param {any} value
 * @returns {value is Reading}
 */
export function isReading(value) {
  const { index, kind, supported, citations, sent, nLeftOut, nearest } = value ?? {};
  return (
    typeof index === "string" &&
    typeof kind === "string" &&
    typeof supported === "boolean" &&
    Number.isInteger(nLeftOut) &&
    areSpans(citations, (one) => Number.isInteger(one.answerStart) && Number.isInteger(one.answerEnd)) &&
    areSpans(sent, (one) => Number.isInteger(one.nTokens) && typeof one.isCut === "boolean") &&
    areSpans(nearest, () => true)
  );
}

/**
 * @param {any} values
 * @param {(value: any) => boolean} isWhole
 */
function areSpans(values, isWhole) {
  return Array.isArray(values) && values.every((value) => isSpan(value) && isWhole(value));
}

/** @param {any} value */
function isSpan(value) {
  const { source, chunkId, heading, start, end, page } = value ?? {};
  const texts = [source, chunkId, heading].every((text) => typeof text === "string");
  return texts && [start, end].every(Number.isInteger) && (page === null || Number.isInteger(page));
}

/**
 * The places that are cited, each once. A citation goes by the number of its place.
 *
 * @param {Citation[]} citations
 */
export function placesCited(citations) {
  return citations.filter((one, at) => numberOf(one, citations) === at + 1);
}

/**
 * The number of a citation's place among others, from 1.
 *
 * @param {Citation} citation
 * @param {Citation[]} places
 */
export function numberOf({ source, start, end }, places) {
  return 1 + places.findIndex((one) => one.source === source && one.start === start && one.end === end);
}

/**
 * Where a span lies, in words: its headings and its page.
 *
 * @param {Span} span
 */
export function placeOf({ heading, page }) {
  return [heading, page === null ? "" : `page ${page}`].filter(Boolean).join(", ");
}
