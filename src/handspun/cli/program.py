"""The verbs put together as one command line, and what is said where it was not used as it is meant."""

import difflib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from handspun import __version__
from handspun.cli.overview import EXPLAINS, PURPOSE, purposes
from handspun.errors import UsageError


def verbs(named: str | None = None) -> dict[str, Any]:
    """The function or App of each verb. Where the one that is `named` is among them, it is all that is imported."""
    names = purposes()
    wanted = [named] if named in names else names
    return {name: getattr(import_module(f"handspun.cli.{name}"), name) for name in wanted}


def build_app(named: str | None = None) -> App:
    """The program with every verb, or where one is `named` with that one."""
    app = App(
        name="handspun",
        help=PURPOSE,
        version=__version__,
        default_parameter=Parameter(negative=()),
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
        print_error=False,
        exit_on_error=False,
        verbose=False,
        result_action="return_value",
    )
    for verb in verbs(named).values():
        app.command(verb)
    return app


def call(arguments: Sequence[str]) -> object:
    """What the verb that the first argument names returns.

    Raises:
        UsageError: there is no such verb, or it does not take these arguments.
    """
    try:
        return build_app(next(iter(arguments), None))(arguments)
    except CycloptsError as error:
        hint = near_word(error, arguments)
        raise UsageError(f"{complaint(error)}{hint} (`handspun --help` lists the verbs, {EXPLAINS})") from error


def complaint(error: CycloptsError) -> str:
    """What is wrong with the usage; what a verb needs is called as its own usage does."""
    if isinstance(error, MissingArgumentError) and error.argument is not None and error.keyword is None:
        verb, argument = " ".join(("handspun", *(error.command_chain or ()))), error.argument
        name = argument.name if argument.field_info.is_keyword_only else argument.name.lstrip("-").upper()
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
