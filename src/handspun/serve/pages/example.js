/** What to begin with, where nothing has been said yet. */

import { byId, element } from "./element.js";

/** @type {{title: string, content: string, passage?: string}[]} */
const EXAMPLES = [
  {
    title: "Read a passage, then answer from it",
    content: "What does os.getenv do?",
    passage:
      "function os.getenv(key, default=None)\nGet an environment variable, return None if it doesn't exist. " +
      "The optional second argument can specify an alternate default. key, default and the result are str.",
  },
  { title: "Ask who it is", content: "Who are you?" },
  { title: "Ask what it cannot know", content: "What will the weather be like tomorrow?" },
];

/** @param {(content: string, passage?: string) => void} onChoice */
export function showExamples(onChoice) {
  byId("examples", HTMLElement).append(
    ...EXAMPLES.map(({ title, content, passage }) =>
      element(
        "li",
        {},
        element(
          "button",
          { type: "button", class: "example", click: () => onChoice(content, passage) },
          element("span", { class: "example-title" }, title),
          element("span", { class: "example-words" }, content),
        ),
      ),
    ),
  );
}
