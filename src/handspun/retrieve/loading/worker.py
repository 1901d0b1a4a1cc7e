"""The process that reads files for another one: whatever a file does to it, the other goes on.

It is told a path per line, and answers with parts: the documents of that file, and last why there are no more of them. A file
on which it spends too long ends it (the kernel's alarm clocks need no consent), and so does one that takes too much memory.
"""

import os
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from handspun.errors import CorpusError
from handspun.files import reason
from handspun.retrieve.loading.formats import load
from handspun.retrieve.loading.limits import MAX_FILE_BYTES, MAX_TEXT_CHARS, MIB
from handspun.retrieve.loading.loaded import Loaded

LENGTH = struct.Struct("<Q")
SPENT, LATE = signal.SIGPROF, signal.SIGALRM
"""what ends it when a file has taken too much time of the CPU, or by the clock"""
MAX_WRITTEN_BYTES = MIB
"""of any file it writes: there is only its own log"""


@dataclass(frozen=True, slots=True)
class Part:
    """A document, or, last of all, the reason why there are no more; empty where that was all."""

    loaded: Loaded | None = None
    reason: str = ""


def parts_of(path: Path) -> Iterator[Part]:
    """What a file holds, within the limits."""
    n_chars, has_text = 0, False
    try:
        if (size := path.stat().st_size) > MAX_FILE_BYTES:
            raise CorpusError(f"it has {size / MIB:,.0f} MiB and may have {MAX_FILE_BYTES // MIB}: split it")
        for loaded in load(path):
            n_chars += len(loaded.text)
            if n_chars > MAX_TEXT_CHARS:
                raise CorpusError(f"it holds more than {MAX_TEXT_CHARS // MIB} Mi characters of text: split it")
            has_text = True
            yield Part(loaded)
        if not has_text:
            raise CorpusError("it holds no text")
    except CorpusError as error:
        yield Part(reason=str(error).rstrip("."))
    except OSError as error:
        yield Part(reason=reason(error))
    else:
        yield Part()


def limit_this_process(max_memory_bytes: int) -> None:
    """Bound its memory and what it can write."""
    for kind, limit in ((resource.RLIMIT_AS, max_memory_bytes), (resource.RLIMIT_FSIZE, MAX_WRITTEN_BYTES)):
        with suppress(ValueError, OSError):  # a system that has no such limit
            resource.setrlimit(kind, (limit, limit))


def limit_this_file(max_cpu_s: float, max_s: float) -> None:
    """Bound the time until the next call, of the CPU and by the clock; 0 is no bound."""
    signal.setitimer(signal.ITIMER_PROF, max_cpu_s)
    signal.setitimer(signal.ITIMER_REAL, max_s)


def serve(requests: IO[bytes], replies: IO[bytes], max_cpu_s: float, max_s: float) -> None:
    """Answer until nobody asks any more."""
    for line in requests:
        limit_this_file(max_cpu_s, max_s)
        for part in parts_of(Path(os.fsdecode(bytes.fromhex(line.decode())))):
            data = msgspec.msgpack.encode(part)
            replies.write(LENGTH.pack(len(data)) + data)
        limit_this_file(0, 0)
        replies.flush()


if __name__ == "__main__":
    max_cpu_s, max_s, max_memory_bytes = sys.argv[1:]
    limit_this_process(int(max_memory_bytes))
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as replies:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
        serve(sys.stdin.buffer, replies, float(max_cpu_s), float(max_s))
