"""Reads files in a process of its own, which is started again after a file that has brought it down."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

import handspun
from handspun.retrieve.loading.limits import MAX_CPU_S, MAX_MEMORY_BYTES, MAX_S, MIB
from handspun.retrieve.loading.loaded import Loaded
from handspun.retrieve.loading.worker import LATE, LENGTH, SPENT, Part

GRACE_S = 5.0
"""how long a worker may take to end once it has closed its side"""
MODULE = "handspun.retrieve.loading.worker"


class Reader:
    """Reads one file after the other, for as long as it is entered."""

    def __init__(self, *, max_cpu_s: float = MAX_CPU_S, max_s: float = MAX_S, max_memory_bytes: int = MAX_MEMORY_BYTES) -> None:
        self._limits = (max_cpu_s, max_s, max_memory_bytes)
        self._too_long = {
            -SPENT: f"it takes more than {max_cpu_s:g} s of CPU time to read",
            -LATE: f"it has not come after {max_s:g} s: the disk it is on may not answer",
        }
        """reasons by the worker's exit code"""
        self._too_large = f"it takes more than {max_memory_bytes // MIB:,} MiB of memory to read"
        self._decoder = msgspec.msgpack.Decoder(Part)
        self._worker: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        """what the worker says before it dies"""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._let_go()
        self._log.close()

    def read(self, path: Path) -> tuple[list[Loaded], str]:
        """The texts of a file that are not blank, and why there are no more of them; empty where these are all.

        What brings down a worker that had other files before is read again by a new one: it might have been their fault.
        """
        had_others = self._worker is not None
        worker = self._worker = self._worker or self._start()
        try:
            return self._ask(worker, path)
        except (EOFError, BrokenPipeError):
            reason = self._cause_of_death(worker)
        return self.read(path) if had_others and reason not in self._too_long.values() else ([], reason)

    def _ask(self, worker: subprocess.Popen[bytes], path: Path) -> tuple[list[Loaded], str]:
        assert worker.stdin is not None
        worker.stdin.write(f"{os.fsencode(path).hex()}\n".encode())
        worker.stdin.flush()
        texts = []
        while (part := self._next_part(worker)).loaded is not None:
            texts.append(part.loaded)
        return texts, part.reason

    def _next_part(self, worker: subprocess.Popen[bytes]) -> Part:
        """What the worker says next. Raises EOFError where it has died."""
        assert worker.stdout is not None
        head = worker.stdout.read(LENGTH.size)
        data = worker.stdout.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
        try:
            return self._decoder.decode(data)
        except msgspec.DecodeError as error:
            raise EOFError from error

    def _start(self) -> subprocess.Popen[bytes]:
        """A new worker: out of reach of Ctrl-C, which is for the one that asks, and of modules that lie where it is started."""
        self._log.seek(0)
        self._log.truncate()
        paths = [str(Path(handspun.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, *map(str, self._limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            process_group=0,
        )

    def _cause_of_death(self, worker: subprocess.Popen[bytes]) -> str:
        """Why a worker that says nothing any more has died."""
        with suppress(subprocess.TimeoutExpired):
            worker.wait(GRACE_S)
        code = self._let_go()
        if code in self._too_long:
            return self._too_long[code]
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().rpartition("\n")[2]
        if last.startswith("MemoryError"):
            return self._too_large
        death = signal.Signals(-code).name if code < 0 else last[:200]
        return f"it brings down what reads it ({death}): it is damaged, or takes too much memory"

    def _let_go(self) -> int:
        """End the worker, if there is one, and return its exit code."""
        worker, self._worker = self._worker, None
        if worker is None:
            return 0
        worker.kill()
        with suppress(BrokenPipeError):
            worker.communicate()
        return worker.returncode
