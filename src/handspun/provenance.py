"""provenance.json: where a result came from. Seed, versions, machine, data, command, time and commit, in one file."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import handspun

DISTRIBUTION = "handspun"
REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9._-]+")


def collect(*, seed: int, machine: Mapping[str, Any], data: Mapping[str, str]) -> dict[str, Any]:
    """The facts to write beside a run. `data` maps the name of an input to its SHA-256, `machine` is `machine.facts()`."""
    return {
        "seed": seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "commit": commit_of(Path(__file__).parent),
        "versions": versions(),
        "machine": dict(machine),
        "load": round(os.getloadavg()[0], 2),
        "data": dict(data),
    }


def versions() -> dict[str, str]:
    """The version of Python, of handspun and of every package it depends on, none of them imported."""
    found = {"python": platform.python_version(), DISTRIBUTION: handspun.__version__}
    for name in dependencies():
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def dependencies() -> list[str]:
    """The packages that an installed handspun names as its dependencies, extras included; empty where it is not installed."""
    try:
        requirements = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    names = {match[0] for requirement in requirements if (match := REQUIREMENT_NAME.match(requirement))}
    return sorted(names - {DISTRIBUTION})


def commit_of(folder: Path) -> str | None:
    """The commit of the checkout that tracks `folder`, with "+changes" where files differ from it; None outside of one."""
    try:
        tracked = git(folder, "ls-files", "--error-unmatch", "__init__.py")
        commit = git(folder, "rev-parse", "HEAD") if tracked else None
        return f"{commit}+changes" if commit and git(folder, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.TimeoutExpired):
        return None


def git(folder: Path, *arguments: str) -> str | None:
    """What git prints, or None where it refuses."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=5, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
