"""handspun chat: talk with a trained model in the terminal."""

import signal
import sys
from typing import TYPE_CHECKING

from handspun.cli import terminal
from handspun.cli.generate import generate_config, passage_text, read_text
from handspun.cli.interrupt import INTERRUPTED, ends_at_once
from handspun.cli.workshop import find_weights, mention_base_model, require_memory
from handspun.errors import PromptError
from handspun.generate.limits import Limits

if TYPE_CHECKING:
    from handspun.generate.session import ChatSession

HELP = """\
  end a line with \\ to go on in the next one
  /passage TEXT     give the next message a passage to read; /passage @FILE reads it from a file
  /passage          drop it
  /new              forget this conversation
  /help             this list
  /quit             leave (or /exit, or Ctrl-D)"""


def chat(run: str, *overrides: str, force: bool = False) -> None:
    """Talk with a trained model. It remembers the conversation; /help lists what else it understands.

    Parameters
    ----------
    run
        A run folder, or the name of a run in runs/; with :int8 or another scheme the weights that `quantize` made.
    overrides
        Keys to set, such as generate.temperature=0.8.
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
    passage: str | None = None
    terminal.say(f"{folder.path.name}: type a message; /help for more, Ctrl-D to leave")
    while (message := read_message()) is not None:
        command, _, rest = message.partition(" ")
        try:
            match command:
                case "":
                    continue
                case "/quit" | "/exit":
                    return
                case "/help":
                    terminal.say(HELP)
                case "/new":
                    session = ChatSession(session.engine, config)
                    terminal.say("a new conversation")
                case "/passage":
                    passage = None  # also where the new one does not fit
                    passage = fitting_passage(session, passage_text(rest))
                    terminal.say("the next message comes with it" if passage else "no passage: write /passage TEXT or @FILE")
                case _ if command.startswith("/"):
                    terminal.say(f"{command} is no command; /help lists them.")
                case _:
                    answer(session, message, passage)
                    passage = None
        except PromptError as error:
            terminal.error(str(error))


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


def answer(session: "ChatSession", message: str, passage: str | None) -> None:
    """Send a message and write the reply as it comes. Ctrl-C stops the reply, not the conversation."""
    try:
        for text in session.say(message, passage=passage):
            terminal.write(text)
    except KeyboardInterrupt:
        terminal.write_line()
        terminal.say("(stopped; this message is forgotten)")
        return
    terminal.write_line()
    if session.n_forgotten:
        terminal.say("(the conversation outgrew the context: its oldest messages were forgotten)")
