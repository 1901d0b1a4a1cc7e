"""The program `handspun`: one verb per file of this folder, and what an ending means.

A verb is a file VERB.py with a function, or a cyclopts App, of the same name. What is slow to import (torch, numpy) it imports
inside that function. Its exit code is 0, or the integer it returns. A HandspunError is one sentence and exit code 1, wrong
usage is 2, Ctrl-C is 130; anything else is a bug and shows its traceback.
"""

import difflib
import pkgutil
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from handspun import __version__, cli
from handspun.cli import terminal
from handspun.cli.interrupt import INTERRUPTED
from handspun.errors import HandspunError

USAGE, NO_READER = 2, 141
SAVING = ("consolidate", "curate", "index", "make", "tokenize", "train", "tune")
"""The verbs that go on where they were interrupted."""
EXPLAINS = "`handspun VERB --help` explains one"
DESCRIPTION = "Build a language model of your own, from raw text to an assistant that answers."


def verbs(named: str | None = None) -> dict[str, Any]:
    """The function or App of each file beside this one that has one of its own name; the other files serve them.

    Where the verb that is `named` is among them it is all that is imported.
    """
    names = [module.name for module in pkgutil.iter_modules(cli.__path__)]
    wanted = [named] if named in names else names
    found = {name: getattr(import_module(f"handspun.cli.{name}"), name, None) for name in wanted}
    return {name: verb for name, verb in found.items() if verb is not None}


def build_app(named: str | None = None) -> App:
    """The program with every verb, or where one is `named` with that one."""
    app = App(
        name="handspun",
        help=DESCRIPTION,
        version=__version__,
        default_parameter=Parameter(negative=()),
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
        print_error=False,
        exit_on_error=False,
        verbose=False,
        result_action="return_value",
    )
    for verb in (verbs(named) or verbs()).values():
        app.command(verb)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = build_app(next(iter(arguments), None))(arguments)
    except CycloptsError as error:
        terminal.error(f"{complaint(error)}{near_word(error, arguments)} (`handspun --help` lists the verbs, {EXPLAINS})")
        return USAGE
    except HandspunError as error:
        terminal.error(str(error))
        return 1
    except PermissionError as error:
        terminal.error(f"{error.filename} may not be opened; change its permissions, or name another.")
        return 1
    except KeyboardInterrupt:
        goes_on = ": what was saved is whole; run the same command again to go on from there"
        terminal.say(f"interrupted{goes_on if next(iter(arguments), None) in SAVING else ''}.")
        return INTERRUPTED
    except BrokenPipeError:
        terminal.abandon_stdout()
        return NO_READER
    return result if isinstance(result, int) else 0


def complaint(error: CycloptsError) -> str:
    """What is wrong with the usage; what a verb needs is called as its own usage does."""
    if isinstance(error, MissingArgumentError) and error.argument is not None and error.keyword is None:
        verb, name = " ".join(("handspun", *(error.command_chain or ()))), error.argument.name.lstrip("-").upper()
        return f"`{verb}` needs {name}."
    return str(error).strip()


def near_word(error: CycloptsError, arguments: Sequence[str]) -> str:
    """A question about the first word that is almost one of the program's own, where nobody asked it yet."""
    if "Did you mean" in str(error):
        return ""
    known = [*(f"--{word}" for word in ("help", "version")), *commands_below(next(iter(arguments), ""))]
    for word in arguments:
        guesses = [] if word in known else difflib.get_close_matches(word, known, n=1, cutoff=0.75)
        if guesses:
            return f' Did you mean "{guesses[0]}"?'
    return ""


def commands_below(verb: str) -> list[str]:
    """The words that may follow a verb that has commands of its own."""
    found = verbs(verb).get(verb) if verb.isidentifier() else None
    return [name for name in found if not name.startswith("-")] if isinstance(found, App) else []
