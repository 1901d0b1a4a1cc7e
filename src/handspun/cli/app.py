"""The program `handspun`: one verb per file of this folder, and what an ending means.

A verb is a file VERB.py that begins with `handspun VERB: what it is for.` and has a function, or a cyclopts App, of that name.
What is slow to import (torch, numpy) it imports inside that function. Its exit code is 0, or the integer it returns. A
HandspunError is one sentence and exit code 1, wrong usage is 2, Ctrl-C is 130; anything else is a bug and shows its traceback.
"""

from collections.abc import Sequence

from handspun import __version__
from handspun.cli import terminal
from handspun.cli.interrupt import INTERRUPTED
from handspun.cli.os_errors import sentence_of
from handspun.cli.overview import overview
from handspun.errors import HandspunError, UsageError

USAGE, NO_READER = 2, 141
SAVING = ("consolidate", "curate", "index", "make", "tokenize", "train", "tune")
"""The verbs that go on where they were interrupted."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        match next(iter(arguments), "--help"):
            case "--help" | "-h":
                terminal.write_line(overview(terminal.width()))
                return 0
            case "--version":
                terminal.write_line(__version__)
                return 0
        from handspun.cli.program import call

        result = call(arguments)
    except UsageError as error:
        terminal.error(str(error))
        return USAGE
    except HandspunError as error:
        terminal.error(str(error))
        return 1
    except KeyboardInterrupt:
        goes_on = ": what was saved is whole; run the same command again to go on from there"
        terminal.say(f"interrupted{goes_on if next(iter(arguments), None) in SAVING else ''}.")
        return INTERRUPTED
    except BrokenPipeError:
        terminal.abandon_stdout()
        return NO_READER
    except OSError as error:
        if (sentence := sentence_of(error)) is None:
            raise
        if error.filename is None:
            terminal.abandon_stdout()
        terminal.error(sentence)
        return 1
    return result if isinstance(result, int) else 0
