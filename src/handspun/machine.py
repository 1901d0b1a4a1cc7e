"""What this machine has, read without torch: processor, usable cores, memory within its limits, room on the disk.

Containers are believed: a cgroup that allows two cores and 4 GiB of a large machine makes a machine of two cores and 4 GiB.
"""

import math
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CGROUPS = Path("/sys/fs/cgroup")
CPUINFO = Path("/proc/cpuinfo")
CPU_FOLDERS = Path("/sys/devices/system/cpu")
OWN_CGROUP = Path("/proc/self/cgroup")
OWN_STATUS, OWN_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")
NO_LIMIT_BYTES = 1 << 60
TELLING_FLAGS = (
    *("sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_bf16", "amx_int8"),
    *("neon", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2"),
)
"""The instruction sets that decide how fast matrices are multiplied, as Linux names them (x86, then Arm)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes this process may use in all, and bytes that are free now."""

    total_bytes: int
    free_bytes: int


def facts() -> dict[str, Any]:
    """The machine as one JSON object: for `doctor` and for the provenance of a run."""
    return {
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cpu_flags": cpu_flags(),
        "n_logical_cores": len(usable_cpus()),
        "n_cores": n_usable_cores(),
        "memory": asdict(memory()),
    }


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    if sys.platform == "darwin":
        return sysctl("machdep.cpu.brand_string") or platform.machine()
    return next(
        (value for key, value in colon_lines(CPUINFO) if key == "model name"), platform.processor() or platform.machine()
    )


def cpu_flags() -> list[str]:
    """Those of TELLING_FLAGS that the processor claims to have. A claim: device.probes() measures."""
    if sys.platform == "darwin":
        arm = {"neon": "AdvSIMD", "bf16": "FEAT_BF16", "i8mm": "FEAT_I8MM", "asimdhp": "FEAT_FP16", "asimddp": "FEAT_DotProd"}
        claimed = {flag for flag, name in arm.items() if sysctl(f"hw.optional.arm.{name}") == "1"}
        claimed |= {flag for flag in ("avx2", "avx512f") if sysctl(f"hw.optional.{flag}") == "1"}
    else:
        claimed = next((set(value.split()) for key, value in colon_lines(CPUINFO) if key in ("flags", "Features")), set())
    return [flag for flag in TELLING_FLAGS if flag in claimed]


def colon_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The "key : value" lines of a file of /proc; none where there is no such file."""
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            yield key.strip(), value.strip()


def usable_cpus() -> set[int]:
    """The logical processors this process may run on."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def n_usable_cores() -> int:
    """How many threads of matrix multiplication pay: physical cores, within affinity and the cgroup's quota."""
    if sys.platform == "darwin":
        physical = int(sysctl("hw.perflevel0.physicalcpu") or sysctl("hw.physicalcpu") or 1)
    else:
        physical = n_physical_cores(usable_cpus())
    quota = cgroup_cores()
    return physical if quota is None else max(1, min(physical, math.ceil(quota)))


def n_physical_cores(cpus: set[int], folder: Path = CPU_FOLDERS) -> int:
    """Logical processors that share a core count once; where the topology cannot be read, each counts."""
    cores = set()
    for cpu in cpus:
        siblings = folder / f"cpu{cpu}" / "topology" / "thread_siblings_list"
        cores.add(siblings.read_text().strip() if siblings.is_file() else str(cpu))
    return len(cores)


def cgroup_cores(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> float | None:
    """The processor time per second that the cgroups above this process allow (versions 2 and 1); None: no limit."""
    quotas = [
        int(quota) / int(period)
        for quota, period in (path.read_text().split() for path in cgroup_files("", "cpu.max", root, own))
        if quota != "max"
    ]
    for path in cgroup_files("cpu", "cpu.cfs_quota_us", root, own):
        quota, period = int(path.read_text()), int(path.with_name("cpu.cfs_period_us").read_text())
        quotas += [quota / period] if quota > 0 else []
    return min(quotas, default=None)


def memory() -> Memory:
    """Memory in bytes: of the machine, or of the tightest cgroup that this process lives in."""
    machine = macos_memory() if sys.platform == "darwin" else linux_memory()
    limits = [machine, *cgroup_memory()]
    return Memory(min(limit.total_bytes for limit in limits), min(limit.free_bytes for limit in limits))


def peak_memory_bytes() -> int:
    """The most memory that this process has held since `forget_peak_memory`, or where the system forgets nothing, ever."""
    held = next((int(value.split()[0]) for key, value in colon_lines(OWN_STATUS) if key == "VmHWM"), None)
    if held is not None:
        return held * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak_memory() -> None:
    """Let `peak_memory_bytes` begin from what is held now; on Linux alone."""
    with suppress(OSError):
        OWN_PEAK.write_text("5")


def resident_bytes() -> int:
    """Memory that this process holds now; where the system does not say, the most it ever held."""
    held = next((int(value.split()[0]) for key, value in colon_lines(OWN_STATUS) if key == "VmRSS"), None)
    return peak_memory_bytes() if held is None else held * 1024


def linux_memory(path: Path = Path("/proc/meminfo")) -> Memory:
    """MemTotal and MemAvailable; they are given in KiB."""
    kib = {key: int(value.split()[0]) for key, value in colon_lines(path) if value}
    return Memory(kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024)


def macos_memory() -> Memory:
    """Physical memory, and the pages that are free or can be dropped without writing."""
    report = command_output("vm_stat")
    page_bytes = int(found[1]) if (found := re.search(r"page size of (\d+) bytes", report)) else 4096
    droppable = re.findall(r"^Pages (?:free|inactive|speculative|purgeable): +(\d+)", report, flags=re.MULTILINE)
    return Memory(int(sysctl("hw.memsize") or 0), sum(map(int, droppable)) * page_bytes)


def cgroup_memory(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> list[Memory]:
    """The limit of each cgroup above this process, and what is left of it; page cache that can be dropped is free."""
    limits = []
    for controller, limit_name, usage_name, cache_key in (
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for path in cgroup_files(controller, limit_name, root, own):
            text = path.read_text().strip()
            if text != "max" and int(text) < NO_LIMIT_BYTES:
                used = int(path.with_name(usage_name).read_text())
                found = re.search(rf"^{cache_key} (\d+)$", path.with_name("memory.stat").read_text(), flags=re.MULTILINE)
                limits.append(Memory(int(text), max(0, int(text) - used + (int(found[1]) if found else 0))))
    return limits


def cgroup_files(controller: str, name: str, root: Path, own: Path) -> Iterator[Path]:
    """The files `name` of this process's cgroup and of those around it. Controller "" is the one tree of version 2."""
    if not own.is_file():
        return
    for line in own.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            folder = root / controller / path.lstrip("/")
            for candidate in (folder, *folder.parents):
                if candidate.is_relative_to(root) and (candidate / name).is_file():
                    yield candidate / name


def disk_free_bytes(path: Path) -> int:
    """Bytes free where `path` is, or will be."""
    return shutil.disk_usage(next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.is_dir())).free


def sysctl(name: str) -> str:
    """One value of macOS's sysctl; "" where it has none."""
    return command_output("sysctl", "-n", name)


def command_output(*command: str) -> str:
    """What a system command prints; "" where it is absent, fails or hangs."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
