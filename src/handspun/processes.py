"""The processes of one run: alone, or as many as torchrun has started, each with a device of its own.

    with joined(on_lost=terminal.error) as processes:
        loss = processes.total(loss)          # the same number in every process
        if processes.is_first: ...

Where one of them dies the others end too: a watch in each looks whether its neighbors are alive, because a process that waits
inside a library for one that is gone would wait for an hour.
"""

import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from handspun.errors import HandspunError, RunError

START_TIMEOUT = timedelta(minutes=10)
COLLECTIVE_TIMEOUT = timedelta(minutes=30)
"""How long one may wait for the others inside a collective operation. Waiting for what the first does alone has no limit."""
WATCH_EVERY_S, GRACE_S = 1.0, 10.0
"""How often neighbors are looked at, and how long a process may take to end by itself once one of them is gone."""
SHOWS_S = 3.0
"""How long after it has broken something a death may take to show."""
POLL = timedelta(seconds=20)
INTERRUPTED = 130
NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun puts into the environment of each process."""


@dataclass
class Processes:
    """One process among `n`. Alone, every method answers at once."""

    rank: int = 0
    n: int = 1
    local_rank: int = 0
    n_local: int = 1
    store: Any = None
    """What all of them can read and write: it lives in torchrun, so it outlives each of them."""
    n_told: int = field(default=0, init=False)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that prints, writes and measures."""
        return self.rank == 0

    def total(self, number: float) -> float:
        """The sum of everyone's number, the same to the last bit in each."""
        if self.n == 1:
            return number
        import torch
        import torch.distributed as dist

        box = torch.tensor(number, dtype=torch.float64)
        dist.all_reduce(box)
        return box.item()

    def any(self, claim: bool) -> bool:
        """Whether it is true for at least one."""
        return self.total(float(claim)) > 0

    def told(self, word: str = "") -> str:
        """What the first one says, in every process; the others wait for it as long as it takes."""
        if self.n == 1:
            return word
        self.n_told += 1
        key = f"told/{self.n_told}"
        if self.is_first:
            self.store.set(key, word)
            return word
        return self.heard(key)

    def heard(self, key: str) -> str:
        """What stands in the store under a key, once it stands there."""
        import torch.distributed as dist

        while True:
            try:
                self.store.wait([key], POLL)
                return self.store.get(key).decode()
            except dist.DistStoreError:
                continue

    def speaks_first(self) -> bool:
        """Whether no process has yet said why it ends. One sentence is enough."""
        return self.n == 1 or self.store.add("spoken", 1) == 1

    def introduce(self) -> None:
        """Tell the others where this process lives."""
        self.store.set(f"process/{self.rank}", f"{platform.node()} {os.getpid()}")

    def neighbors(self) -> dict[int, int]:
        """The other processes on this machine: rank and process id."""
        homes = {rank: self.heard(f"process/{rank}").split() for rank in range(self.n) if rank != self.rank}
        return {rank: int(pid) for rank, (host, pid) in homes.items() if host == platform.node()}


def rows_of(n_rows: int, rank: int, n: int) -> range:
    """Which rows of a tensor a process holds where they are spread over `n`, as torch.chunk and fully_shard do it."""
    n_each = -(-n_rows // n)
    return range(min(rank * n_each, n_rows), min((rank + 1) * n_each, n_rows))


@contextmanager
def joined(on_lost: Callable[[str], None]) -> Iterator[Processes]:
    """The processes that torchrun has started, as one group for as long as this is entered; or this one alone.

    Of several that fail only the first says why: the others end without a word. `on_lost` is told of a process that died.
    """
    if not all(name in os.environ for name in NAMES) or int(os.environ["WORLD_SIZE"]) == 1:
        yield Processes()
        return
    processes = join()
    watch = Watch(processes, on_lost)
    try:
        with watch, watch.hearing():
            yield processes
            processes.told()
            processes.any(False)
    except KeyboardInterrupt:
        raise_quietly(INTERRUPTED, unless=processes.is_first)
    except HandspunError:
        raise_quietly(1, unless=processes.speaks_first())
    except RuntimeError as error:
        if (sentence := watch.sentence() or far_sentence(error)) is None:
            raise
        if processes.speaks_first():
            raise RunError(sentence) from error
        raise SystemExit(1) from error
    leave()


def raise_quietly(code: int, *, unless: bool) -> None:
    """Raise the exception that is being handled where this process may speak of it; else end without a word."""
    if unless:
        raise
    raise SystemExit(code)


def join() -> Processes:
    """Form the group that the environment describes, and take the device of this process."""
    import torch
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    local_rank, n_local = (int(os.environ.get(name, default)) for name, default in (("LOCAL_RANK", 0), ("LOCAL_WORLD_SIZE", 1)))
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank % torch.cuda.device_count())
    store, rank, n = next(iter(rendezvous("env://", timeout=START_TIMEOUT)))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=n, timeout=COLLECTIVE_TIMEOUT)
    shared = dist.PrefixStore("handspun", store)  # pyright: ignore[reportPrivateImportUsage]
    processes = Processes(rank, n, local_rank, n_local, shared)
    processes.introduce()
    return processes


def leave() -> None:
    """Dissolve the group."""
    import torch.distributed as dist

    dist.destroy_process_group()


class Watch:
    """Ends this process where a neighbor has died and it does not notice by itself."""

    def __init__(self, processes: Processes, on_lost: Callable[[str], None]) -> None:
        self.processes, self.on_lost = processes, on_lost
        self.neighbors = processes.neighbors()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look_around, name="watch over the other processes", daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Stop where torchrun says so; but not before this process could speak, where that is because a neighbor has died."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            if not self.lost():
                raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, stop)
        yield
        signal.signal(signal.SIGTERM, before)  # not after an error: what is to be said of it is still to come

    def look_around(self) -> None:
        """Look now and then until this process leaves, or has waited long enough for one that is gone."""
        while not self.ended.wait(WATCH_EVERY_S):
            if self.lost() and not self.ended.wait(GRACE_S):
                if (sentence := self.sentence()) and self.processes.speaks_first():
                    self.on_lost(sentence)
                os._exit(1)

    def lost(self) -> list[int]:
        """The ranks of the neighbors that have ended."""
        return [rank for rank, pid in self.neighbors.items() if not is_alive(pid)]

    def sentence(self) -> str | None:
        """Which process is gone and what to do; None where all are alive. A death shows a moment after what it breaks."""
        deadline = time.monotonic() + SHOWS_S
        while not (lost := self.lost()) and time.monotonic() < deadline:
            time.sleep(0.1)
        if not lost:
            return None
        named = " and ".join(f"process {rank} (pid {self.neighbors[rank]})" for rank in lost)
        return (
            f"{named} of {self.processes.n} on {platform.node()} has ended in the middle of the run: killed, out of memory, or "
            f"with an error of its own above; run the same command again to go on from the newest checkpoint."
        )


def far_sentence(error: RuntimeError) -> str | None:
    """What to say where the group broke and no neighbor is gone; None for any other error."""
    import torch.distributed as dist

    if not isinstance(error, dist.DistError) and "gloo" not in str(error):
        return None
    return (
        f"the processes of this run lost one another ({str(error).splitlines()[0]}): one on another machine has ended, or the "
        f"network between them; run the same command again to go on from the newest checkpoint."
    )


def is_alive(pid: int) -> bool:
    """Whether a process of this machine still runs; one that has ended but was not yet asked how does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return state not in "ZX"
