/** The keys that do something wherever the focus is. All have Alt, so that no letter that is typed means anything else. */

import { byId, element } from "./element.js";

/** Keys that their own fields listen to; listed with the others. */
const OF_FIELDS = [
  { keys: "Enter", words: "Send the message" },
  { keys: "Shift Enter", words: "Begin a new line" },
  { keys: "Esc", words: "Stop the reply; leave what is open" },
  { keys: "← → Home End", words: "Go from token to token in a reply" },
];

/**
 * Listen to them, and list them in the dialog.
 *
 * @param {{letter: string, words: string, act: () => void}[]} shortcuts
 */
export function listenToShortcuts(shortcuts) {
  const acts = new Map(shortcuts.map(({ letter, act }) => [`Key${letter}`, act]));
  document.addEventListener("keydown", (event) => {
    const act = event.altKey && !event.ctrlKey && !event.metaKey ? acts.get(event.code) : undefined;
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });
  const listed = [...OF_FIELDS, ...shortcuts.map(({ letter, words }) => ({ keys: `Alt ${letter}`, words }))];
  byId("shortcut-list", HTMLElement).append(...listed.flatMap(row));
}

/** @param {{keys: string, words: string}} shortcut */
function row({ keys, words }) {
  const caps = keys.split(" ").map((key) => element("kbd", {}, key));
  return [element("dt", {}, ...caps), element("dd", {}, words)];
}
