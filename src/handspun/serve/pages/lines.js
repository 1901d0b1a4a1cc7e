/** Lines of JSON from a response, as they come. */

/**
 * Left early, it closes the response.
 *
 * @param {ReadableStream<BufferSource>} body
 * @returns {AsyncGenerator<any>}
 */
export async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      const parts = (rest + (value ?? "")).split("\n");
      rest = done ? "" : (parts.pop() ?? "");
      yield* parts.filter((part) => part.trim()).map((part) => JSON.parse(part));
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
