"""How far a long job has come, for whoever follows it."""

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""is told how much of how much is done"""


def unheard(_done: int, _total: int) -> None:
    """Progress that nobody follows."""
