"""The processes of a run: what each knows of the others, and what is said when one of them is gone."""

import os
import platform
import subprocess
import sys
from typing import Any

import pytest
import torch.distributed as dist

from handspun.errors import HandspunError, RunError
from handspun.processes import NAMES, Processes, Watch, far_sentence, is_alive, joined, raise_quietly


def processes_of(store: Any, n: int = 2) -> list[Processes]:
    """Some processes that share a store, all of them in this one."""
    return [Processes(rank, n, rank, n, store) for rank in range(n)]


@pytest.fixture
def pair() -> list[Processes]:
    return processes_of(dist.HashStore())


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    with joined(on_lost=print) as processes:
        assert (processes.n, processes.is_first) == (1, True)
    monkeypatch.setenv("WORLD_SIZE", "4")
    with joined(on_lost=print) as processes:
        assert processes.n == 1


def test_the_others_hear_what_the_first_says_in_its_order(pair: list[Processes]) -> None:
    first, second = pair
    assert [first.told("one"), first.told(), first.told("three")] == ["one", "", "three"]
    assert [second.told("ignored"), second.told(), second.told()] == ["one", "", "three"]


def test_one_of_them_speaks(pair: list[Processes]) -> None:
    assert [process.speaks_first() for process in reversed(pair)] == [True, False]


def test_an_error_is_raised_where_it_may_be_told_and_ends_the_others_without_a_word() -> None:
    def fail(unless: bool) -> None:
        try:
            raise RunError("a sentence.")
        except HandspunError:
            raise_quietly(1, unless=unless)

    with pytest.raises(RunError, match="a sentence"):
        fail(unless=True)
    with pytest.raises(SystemExit, match="1"):
        fail(unless=False)


def test_a_process_is_alive_until_it_has_ended_even_where_nobody_has_asked_how() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(os.getpid()) and is_alive(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid)
    child.wait()
    assert not is_alive(child.pid)
    assert child.stdin is not None
    child.stdin.close()


def test_the_watch_names_the_neighbor_that_is_gone_and_what_to_do(pair: list[Processes]) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    pair[0].introduce()
    pair[1].store.set("process/1", f"{platform.node()} {child.pid}")
    sentence = Watch(pair[0], print).sentence()
    assert sentence is not None
    assert sentence.startswith(f"process 1 (pid {child.pid}) of 2 on {platform.node()} has ended in the middle of the run")
    assert sentence.endswith("run the same command again to go on from the newest checkpoint.")


def test_while_all_are_alive_or_elsewhere_the_watch_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handspun.processes.SHOWS_S", 0.0)
    first, *_ = some = processes_of(dist.HashStore(), 3)
    for process in some:
        process.introduce()
    first.store.set("process/2", "another-machine 1")
    watch = Watch(first, print)
    assert watch.neighbors == {1: os.getpid()}
    assert watch.sentence() is None


def test_a_group_that_broke_with_nobody_gone_here_was_broken_elsewhere() -> None:
    told = far_sentence(RuntimeError("[gloo/transport/tcp/pair.cc:1] Connection closed by peer"))
    assert told is not None and "one on another machine has ended" in told
    assert far_sentence(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
