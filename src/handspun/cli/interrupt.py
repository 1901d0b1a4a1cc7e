"""Ctrl-C where there is nothing to save: the process ends on the spot.

It is not left to an exception there: one that is raised in an import, a callback or compiled code may be swallowed.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit code that shells know."""


def end_at_once(code: int) -> None:
    """From now on Ctrl-C ends the process with this code, unless whoever started it keeps Ctrl-C from it (a script, by `&`)."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: os._exit(code))


@contextmanager
def ends_at_once(code: int, *numbers: int) -> Iterator[None]:
    """Each of these signals ends the process with this code; afterwards it does again what it did before."""
    before = {number: signal.signal(number, lambda *_: os._exit(code)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
