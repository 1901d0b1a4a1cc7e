/** Where the parts of the page meet. */

import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { Drawer } from "./drawer.js";
import { byId } from "./element.js";
import { showExamples } from "./example.js";
import { download } from "./export.js";
import { History } from "./history.js";
import { IndexPicker } from "./index-picker.js";
import { Keyring } from "./keyring.js";
import { Notices } from "./notice.js";
import { Panel } from "./panel.js";
import { PassageDialog } from "./passage-dialog.js";
import { Picker } from "./picker.js";
import { Server, ServerError } from "./server.js";
import { options } from "./setting.js";
import { listenToShortcuts } from "./shortcut.js";
import { Sidebar } from "./sidebar.js";
import { verdict } from "./source-list.js";
import { openStorage } from "./storage.js";
import { Theme } from "./theme.js";
import { Thread } from "./thread.js";
import { Tip } from "./tip.js";

const ROOM_FOR_HISTORY = "(min-width: 56rem)";
const ROOM_FOR_PANEL = "(min-width: 80rem)";

const storage = openStorage("localStorage");
const main = byId("main", HTMLElement);
const turns = byId("turns", HTMLElement);
const notices = new Notices();
const server = new Server(openStorage("sessionStorage"));
const history = new History(storage);
const composer = new Composer({ onSend: send, onStop: () => chat.stop() });
const panel = new Panel(storage, { onTint: (isTinted) => turns.classList.toggle("tinted", isTinted) });
const picker = new Picker(storage, { onChoice: describe });
const indexPicker = new IndexPicker(storage);
const passageDialog = new PassageDialog(server);
const keyring = new Keyring(server, lookAround);

const thread = new Thread(turns, {
  tip: new Tip(byId("tip", HTMLElement), turns),
  newest: byId("newest", HTMLButtonElement),
  onEdit: (index, changed) => ask(() => chat.edit(index, changed)),
  onAgain: () => ask(() => chat.regenerate()),
  onSource: (index, span) => passageDialog.show(index, span),
});

const chat = new Chat(
  {
    server,
    history,
    thread,
    question: () => ({
      model: picker.chosen,
      index: indexPicker.chosen,
      system: panel.choices.system.trim(),
      options: options(panel.choices),
      maxTokens: panel.maxTokens,
    }),
  },
  {
    onChange: showHistory,
    onBusy: (isBusy) => (composer.isBusy = isBusy),
    onReply: readAloud,
    onError: heed,
    onFull: () => notices.show("This browser has no room left to keep the conversation; export it, or delete others.", { kind: "trouble" }),
  },
);

const sidebar = new Sidebar({
  onOpen: (id) => (openConversation(id), historyDrawer.yieldRoom()),
  onRename: rename,
  onExport: (id) => withConversation(id, download),
  onDelete: forget,
});

const historyDrawer = new Drawer(byId("history", HTMLElement), byId("history-open", HTMLButtonElement), {
  room: ROOM_FOR_HISTORY,
  isWanted: true,
});
const panelDrawer = new Drawer(byId("panel", HTMLElement), byId("panel-open", HTMLButtonElement), {
  room: ROOM_FOR_PANEL,
  isWanted: false,
});

const connection = new Connection(server, {
  onGone: () => notices.show("The server does not answer. Looking for it…", { kind: "trouble" }),
  onBack: () => (notices.show("The server is back.", { isPassing: true }), lookAround()),
  onCalm: lookAround,
});

/**
 * @param {string} content
 * @param {string} [passage]
 */
async function send(content, passage) {
  composer.isBusy = true;
  if (await ask(() => chat.send(content, passage))) composer.fill("");
  else composer.isBusy = false;
}

/**
 * Ask for a reply, unless something stands against it. Says whether it was asked for.
 *
 * @param {() => unknown} act
 */
async function ask(act) {
  if (!picker.chosen) await lookAround();
  if (panel.wrongField) {
    panelDrawer.open();
    panel.wrongField.input.focus();
  } else if (picker.chosen) {
    notices.clear();
    act();
    return true;
  } else if (picker.isEmpty) {
    notices.show("There is no model to ask: train one with handspun make, then serve it.", { kind: "trouble" });
  }
  return false;
}

/** See which models there are, and whether they may be seen. */
async function lookAround() {
  try {
    const [models, indexes] = await Promise.all([server.models(), server.indexes()]);
    indexPicker.show(indexes);
    picker.show(models.filter(({ name }) => !indexPicker.isPair(name)));
    byId("no-models", HTMLElement).hidden = !picker.isEmpty;
    byId("welcome", HTMLElement).hidden = picker.isEmpty;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    if (!heed(error)) notices.show(error.message, { kind: "trouble" });
  }
}

/**
 * Do what an error asks for. Says whether it asks for anything.
 *
 * @param {ServerError} error
 */
function heed({ status, isAway }) {
  if (status === 401) keyring.ask();
  else if (isAway) connection.look();
  return status === 401 || isAway;
}

/** @param {import("./conversation.js").AssistantTurn} turn */
function readAloud({ content, reading, ending, failure }) {
  notices.say([content, reading && verdict(reading), ending, failure].filter(Boolean).join(" "));
  if (!failure) lookAround();
}

/**
 * Show what a model's own settings are.
 *
 * @param {string} model
 */
async function describe(model) {
  if (!model) return;
  try {
    const about = await server.about(model);
    if (picker.chosen === model) panel.showDefaults(about.options);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    panel.showDefaults({});
  }
}

function showHistory() {
  sidebar.show(history.all(), chat.conversation.id);
  main.classList.toggle("empty", chat.conversation.isEmpty);
  document.title = chat.conversation.isEmpty ? "handspun" : `${chat.conversation.title} · handspun`;
}

function begin() {
  if (!chat.conversation.isEmpty) chat.open(new Conversation());
  historyDrawer.yieldRoom();
  composer.focus();
}

/** @param {string} id */
function openConversation(id) {
  withConversation(id, (conversation) => conversation.id !== chat.conversation.id && chat.open(conversation));
}

/**
 * @param {string} id
 * @param {(conversation: Conversation) => void} act
 */
function withConversation(id, act) {
  const conversation = id === chat.conversation.id ? chat.conversation : history.find(id);
  if (conversation) act(conversation);
}

/**
 * @param {string} id
 * @param {string} title empty: how it begins
 */
function rename(id, title) {
  withConversation(id, (conversation) => {
    conversation.givenTitle = title;
    history.keep(conversation);
  });
  showHistory();
}

/** @param {string} id */
function forget(id) {
  withConversation(id, (conversation) => {
    if (conversation === chat.conversation) chat.open(new Conversation());
    history.forget(id);
    showHistory();
    const undo = () => (history.keep(conversation), chat.open(conversation));
    notices.show(`“${conversation.title}” is deleted.`, { isPassing: true, action: { words: "Undo", act: undo } });
  });
}

new Theme(storage);
showExamples((content, passage) => composer.fill(content, passage));
byId("new", HTMLButtonElement).addEventListener("click", begin);
byId("shortcuts-open", HTMLButtonElement).addEventListener("click", () => byId("shortcuts", HTMLDialogElement).showModal());
byId("shortcuts-close", HTMLButtonElement).addEventListener("click", () => byId("shortcuts", HTMLDialogElement).close());
window.addEventListener("storage", showHistory);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) chat.stop();
});
listenToShortcuts([
  { letter: "N", words: "Begin a new conversation", act: begin },
  { letter: "M", words: "Go to the message", act: () => composer.focus() },
  { letter: "P", words: "Give a passage to read, or take it away", act: () => composer.togglePassage() },
  { letter: "R", words: "Ask for the last reply again", act: () => ask(() => chat.regenerate()) },
  { letter: "E", words: "Change the last message", act: () => thread.editLast() },
  { letter: "H", words: "Show or hide the conversations", act: () => historyDrawer.toggle() },
  { letter: "S", words: "Show or hide the sampling settings", act: () => panelDrawer.toggle() },
  { letter: "K", words: "List the keys", act: () => byId("shortcuts", HTMLDialogElement).showModal() },
]);
const [latest] = history.all();
chat.open(latest ?? new Conversation());
composer.focus();
lookAround();
