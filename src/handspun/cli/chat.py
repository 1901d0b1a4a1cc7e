"""handspun chat: talk with a trained model in the terminal."""

import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handspun.cli import terminal
from handspun.cli.answer_text import show_grounds, show_sent
from handspun.cli.generate import generate_config, passage_text, read_text
from handspun.cli.interrupt import INTERRUPTED, ends_at_once
from handspun.cli.workshop import find_searcher, find_weights, mention_base_model, own_index, require_memory
from handspun.errors import HandspunError
from handspun.generate.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handspun.generate.session import ChatSession
    from handspun.retrieve.session import ReadingSession
    from handspun.runs import Run

HELP = """\
  end a line with \\ to go on in the next one
  /passage TEXT     give the next message a passage to read; /passage @FILE reads it from a file
  /passage          drop it
  /index NAME       look messages up in an index and cite it; /index looks nothing up any more
  /sources          what was sent of it for the last answer
  /new              forget this conversation
  /help             this list
  /quit             leave (or /exit, or Ctrl-D)"""


def chat(run: str, *overrides: str, index: str | None = None, force: bool = False) -> None:
    """Talk with a trained model. It remembers the conversation; /help lists what else it understands.

    Parameters
    ----------
    run
        A run folder, or the name of a run in runs/; with :int8 or another scheme the weights that `quantize` made.
    overrides
        Keys to set, such as generate.temperature=0.8.
    index
        An index to look messages up in: its name in indexes/, or its folder. Answers then come with citations. Without it: the
        run's own index, where it has one.
    force
        Go on where the planner says that there is too little memory.
    """
    folder, weights, scheme = find_weights(run)
    config = generate_config(folder, overrides)
    mention_base_model(folder)
    with ends_at_once(INTERRUPTED, signal.SIGINT):
        from handspun.generate.session import ChatSession, open_engine

        if not force:
            require_memory(folder, n_rows=1, scheme=scheme)
        session = ChatSession(open_engine(weights, config.engine, Limits(max_rows=1)), config)
        has_index = index is not None or own_index(folder) is not None
        reading = reading_in(index, folder, session) if has_index else None
    looked_up = f", looked up in {reading.searcher.index.name}" if reading else ""
    terminal.say(f"{folder.path.name}{looked_up}: type a message; /help for more, Ctrl-D to leave")
    talk = Talk(folder, session, reading)
    while (message := read_message()) not in (None, "/quit", "/exit"):
        try:
            talk.hear(message)
        except HandspunError as error:
            terminal.error(str(error))


@dataclass(slots=True)
class Talk:
    """A conversation at the terminal."""

    run: "Run"
    session: "ChatSession"
    reading: "ReadingSession | None"
    """where messages are looked up in an index"""
    passage: str | None = None
    """to be read with the next message"""

    def hear(self, message: str) -> None:
        """Do what a command says, or answer a message. Raises PromptError, RetrieveError, DamagedFileError."""
        command, _, rest = message.partition(" ")
        match command:
            case "":
                return
            case "/help":
                terminal.say(HELP)
            case "/new":
                self.session.messages = []
                terminal.say("a new conversation")
            case "/passage":
                self.passage = None  # also where the new one does not fit
                self.passage = fitting_passage(self.session, passage_text(rest))
                terminal.say("the next message comes with it" if self.passage else "no passage: write /passage TEXT or @FILE")
            case "/index":
                self.reading = reading_in(rest.strip(), self.run, self.session) if rest.strip() else None
                terminal.say(f"messages are looked up in {rest.strip()}" if self.reading else "nothing is looked up")
            case "/sources":
                self.show_sources()
            case _ if command.startswith("/"):
                terminal.say(f"{command} is no command; /help lists them.")
            case _:
                self.reply(message)

    def reply(self, message: str) -> None:
        """Answer a message: with the passage it comes with, or with what is looked up for it, or with neither."""
        session, reading = self.session, self.reading
        if reading is None or self.passage is not None:
            answer(session, session.say(message, passage=self.passage))
        elif answer(session, reading.say(message)) and reading.answer:
            show_grounds(reading.answer)
        self.passage = None

    def show_sources(self) -> None:
        """Show what was sent for the last answer."""
        if self.reading is None or self.reading.answer is None:
            terminal.say("nothing was looked up yet: /index NAME, then a message")
        else:
            show_sent(self.reading.answer)


def reading_in(index: str | None, run: "Run", session: "ChatSession") -> "ReadingSession":
    """What looks up in an index, or in the run's own, for a conversation. Raises RetrieveError."""
    from handspun.retrieve.session import ReadingSession

    return ReadingSession(session, find_searcher(index, run))


def read_message() -> str | None:
    """One message, over several lines where they end in a backslash; None at the end of input."""
    lines = []
    while True:
        if sys.stdin.isatty():
            sys.stderr.write("… " if lines else "> ")
            sys.stderr.flush()
        line = read_text(sys.stdin.readline)
        if not line:
            return "\n".join(lines).strip() or None
        lines.append(line.rstrip("\n").removesuffix("\\"))
        if not line.rstrip("\n").endswith("\\"):
            return "\n".join(lines).strip()


def fitting_passage(session: "ChatSession", passage: str) -> str | None:
    """The passage, if it is one. Raises PromptError where a message with it cannot be read."""
    if not passage:
        return None
    session.check_passage(passage)
    return passage


def answer(session: "ChatSession", texts: "Iterator[str]") -> bool:
    """Write a reply as it comes, and say whether it came to its end. Ctrl-C stops the reply, not the conversation."""
    try:
        for text in texts:
            terminal.write(text)
    except KeyboardInterrupt:
        terminal.write_line()
        terminal.say("(stopped; this message is forgotten)")
        return False
    terminal.write_line()
    if session.n_forgotten:
        terminal.say("(the conversation outgrew the context: its oldest messages were forgotten)")
    return True
