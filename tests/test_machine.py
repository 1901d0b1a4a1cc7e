"""What the machine has, and what a container leaves of it."""

import os
from pathlib import Path

import psutil
import pytest

from handspun import machine
from handspun.machine import Memory, cgroup_cores, cgroup_memory, n_physical_cores

GIB = 1 << 30


def cgroup(root: Path, path: str, **files: str) -> None:
    """A control group with these files; in their names, "__" stands for "."."""
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_memory_is_what_the_system_says_it_is() -> None:
    memory = machine.memory()
    assert memory.total_bytes <= psutil.virtual_memory().total
    assert 0 < memory.free_bytes <= memory.total_bytes


def test_cores_are_those_that_may_be_used() -> None:
    assert 1 <= machine.n_usable_cores() <= len(machine.usable_cpus()) <= (os.cpu_count() or 1)


def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    for cpu, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        cgroup(tmp_path, f"cpu{cpu}/topology", thread_siblings_list=f"{siblings}\n")
    assert n_physical_cores({0, 1, 2, 3}, tmp_path) == 2
    assert n_physical_cores({0, 2}, tmp_path) == 1
    assert n_physical_cores({8, 9}, tmp_path) == 2


def test_the_tightest_limit_of_the_groups_above_counts(tmp_path: Path) -> None:
    own, root = tmp_path / "own", tmp_path / "cgroup"
    own.write_text("0::/outer/inner\n")
    stat = f"anon 5\ninactive_file {GIB // 2}\n"
    cgroup(
        root, "outer", memory__max=f"{4 * GIB}\n", memory__current=f"{3 * GIB}\n", memory__stat=stat, cpu__max="150000 100000\n"
    )
    cgroup(root, "outer/inner", memory__max="max\n", memory__current="5\n", memory__stat=stat, cpu__max="max 100000\n")
    assert cgroup_memory(root, own) == [Memory(4 * GIB, 3 * GIB // 2)]
    assert cgroup_cores(root, own) == 1.5


def test_limits_of_the_first_version_count_too(tmp_path: Path) -> None:
    own, root = tmp_path / "own", tmp_path / "cgroup"
    own.write_text("5:memory:/job\n3:cpu,cpuacct:/job\n")
    cgroup(
        root,
        "memory/job",
        memory__limit_in_bytes=f"{GIB}",
        memory__usage_in_bytes=f"{GIB // 4}",
        memory__stat="total_inactive_file 0\n",
    )
    cgroup(root, "memory", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="0", memory__stat="")
    cgroup(root, "cpu/job", cpu__cfs_quota_us="200000", cpu__cfs_period_us="100000")
    cgroup(root, "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert cgroup_memory(root, own) == [Memory(GIB, GIB - GIB // 4)]
    assert cgroup_cores(root, own) == 2.0


def test_no_control_group_is_no_limit(tmp_path: Path) -> None:
    assert cgroup_memory(tmp_path, tmp_path / "absent") == []
    assert cgroup_cores(tmp_path, tmp_path / "absent") is None


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="the processor is described elsewhere on this system")
def test_the_processor_has_a_name_and_its_flags_are_among_those_that_tell() -> None:
    assert machine.cpu_name()
    assert set(machine.cpu_flags()) <= set(machine.TELLING_FLAGS)


def test_room_on_the_disk_is_told_for_a_folder_that_is_yet_to_be_made(tmp_path: Path) -> None:
    assert machine.disk_free_bytes(tmp_path / "runs" / "tiny") > 0
