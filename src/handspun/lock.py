"""A folder that one process at a time may write to."""

import fcntl
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked(folder: Path, complaint: Callable[[str, str], Exception]) -> Iterator[None]:
    """Hold `folder` for this process. Where another one holds it, raises what `complaint` makes of its pid and its host.

    The kernel lets go when the process ends, however it ends, so there is no stale lock. A record lock, and not flock(2),
    because a forked worker that outlives a killed parent would inherit the latter.
    """
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            owner = file.read().split()
            pid, host = owner if len(owner) == 2 else ("?", "?")
            raise complaint(pid, host) from error
        with suppress(OSError):  # on a full disk it is held, and nobody is told by whom
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()} {platform.node()}\n".encode())
        yield
