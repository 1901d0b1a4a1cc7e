/** A conversation as a file. */

import { element } from "./element.js";

/** @param {import("./conversation.js").Conversation} conversation */
export function download(conversation) {
  const file = new Blob([JSON.stringify(conversation, null, 2)], { type: "application/json" });
  const url = URL.createObjectURL(file);
  element("a", { href: url, download: `${fileName(conversation.title)}.json` }).click();
  URL.revokeObjectURL(url);
}

/** @param {string} title */
function fileName(title) {
  return title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").toLowerCase() || "conversation";
}
