"""A run folder: where everything of one run lies, who may write to it, and which stages of it are done.

    runs/NAME/
    ├── recipe.toml         the resolved recipe
    ├── stages.json         per stage: the key it ran under, when it ended, how long it took, what it found
    ├── metrics.jsonl       per step: loss, learning rate, speed; now and then val_bpb
    ├── provenance.json     seed, versions, machine, data, command
    ├── evaluation.json     what the finished model was measured to do; report.md says it to people
    ├── corpus/ tokens/ checkpoints/ tuned/
    └── superseded/         what stages of another key had made: moved here, never deleted

A stage is keyed by a hash of its own tables, its inputs and its code; it is run again when its key has changed.
"""

import fcntl
import hashlib
import os
import platform
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from handspun.errors import RunError
from handspun.files import read_json, sha256_of_json, sync_folder, write_bytes, write_json
from handspun.metrics import Metrics


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of `handspun runs`."""

    name: str
    path: str
    stage: str | None
    steps: int | None
    val_bpb: float | None
    size_bytes: int
    modified: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder. It need not exist yet."""

    path: Path

    @property
    def recipe_path(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def stages_path(self) -> Path:
        return self.path / "stages.json"

    @property
    def provenance_path(self) -> Path:
        return self.path / "provenance.json"

    @property
    def metrics(self) -> Metrics:
        return Metrics(self.path / "metrics.jsonl")

    @property
    def corpus(self) -> Path:
        return self.path / "corpus"

    @property
    def tokens(self) -> Path:
        return self.path / "tokens"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def tuned(self) -> Path:
        return self.path / "tuned"

    @property
    def finished(self) -> Path:
        """The checkpoints of the finished model: the tuned ones where there are any, else the pretrained."""
        return self.tuned if any(self.tuned.glob("[0-9]*")) else self.checkpoints

    @property
    def evaluation_path(self) -> Path:
        return self.path / "evaluation.json"

    @property
    def report_path(self) -> Path:
        return self.path / "report.md"

    @property
    def superseded(self) -> Path:
        return self.path / "superseded"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process. Raises RunError where another one holds it.

        The kernel lets go when the process ends, however it ends, so there is no stale lock. A record lock, and not
        flock(2), because a forked worker that outlives a killed parent would inherit the latter.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                file.seek(0)
                raise RunError(self.held_by(file.read().split())) from error
            file.truncate(0)
            file.write(f"{os.getpid()} {platform.node()}\n")
            file.flush()
            yield

    def held_by(self, owner: list[str]) -> str:
        """The sentence for a folder that another process holds; `owner` is its pid and host, where they could be read."""
        pid, host = owner if len(owner) == 2 else ("?", "?")
        remedy = f"wait for it, stop it (kill {pid}), or give this run a folder of its own with --run DIR"
        return f"{self.path} is in use by process {pid} on {host}; {remedy}."

    def claim(self, name: str, recipe_toml: str) -> None:
        """Make this the folder of recipe `name` and save the resolved recipe in it.

        Raises RunError where the folder belongs to a recipe of another name, or holds something that is no run.
        """
        if self.recipe_path.is_file():
            if (owner := self.recipe_name()) != name:
                remedy = "give this run a folder of its own with --run DIR"
                raise RunError(f'{self.path} was made by name="{owner}" and this recipe has name="{name}"; {remedy}.')
        elif strangers := visible_entries(self.path):
            raise RunError(
                f"{self.path} holds {strangers[0]} and no recipe.toml, so it is no run folder; give another with --run DIR."
            )
        write_bytes(self.recipe_path, recipe_toml.encode())

    def recipe_name(self) -> str:
        """The `name` in recipe.toml. Raises RunError where it cannot be read."""
        try:
            return str(tomllib.loads(self.recipe_path.read_text(encoding="utf-8"))["name"])
        except (OSError, ValueError, KeyError) as error:
            raise RunError(
                f"{self.recipe_path} names no recipe ({error}); mend it, or give another folder with --run DIR."
            ) from error

    def stages(self) -> dict[str, dict[str, Any]]:
        """The record of each stage that was begun: `key outputs finished seconds facts`, in order. Raises DamagedFileError."""
        return read_json(self.stages_path)["stages"] if self.stages_path.is_file() else {}

    def is_fresh(self, stage: str, key: str) -> bool:
        """Whether `stage` has run to its end under this very key, and what it made still stands."""
        record = self.stages().get(stage)
        if record is None or record["key"] != key or record["finished"] is None:
            return False
        return all((self.path / output).exists() for output in record["outputs"])

    def begin(self, stage: str, key: str, outputs: Sequence[Path]) -> None:
        """Make ready to run `stage` under `key`: what another key has left in `outputs` moves to superseded/.

        What the same key has left stays: the stage resumes from it. `outputs` are files and folders inside the run.
        """
        names = [output.relative_to(self.path).as_posix() for output in outputs]
        record = self.stages().get(stage, {"key": "unknown", "outputs": []})
        if record["key"] != key:
            self.write_stage(stage, {**record, "finished": None})  # a crash while moving must not look finished
            self.supersede(stage, record["key"], dict.fromkeys([*record["outputs"], *names]))
        self.write_stage(stage, {"key": key, "outputs": names, "finished": None, "seconds": None, "facts": {}})

    def finish(self, stage: str, seconds: float, facts: Mapping[str, Any]) -> None:
        """Record that the stage that was begun has run to its end, and what it found."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.write_stage(stage, {**self.stages()[stage], "finished": now, "seconds": round(seconds, 3), "facts": dict(facts)})

    def write_stage(self, stage: str, record: Mapping[str, Any]) -> None:
        """Replace the record of one stage, durably."""
        write_json(self.stages_path, {"stages": {**self.stages(), stage: dict(record)}})

    def supersede(self, stage: str, key: str, names: Iterable[str]) -> None:
        """Move what stands under `names` to superseded/STAGE-KEY8/, where nothing that lies there already is touched."""
        for name in names:
            standing, destination = self.path / name, unused_path(self.superseded / f"{stage}-{key[:8]}" / name)
            if standing.exists():
                destination.parent.mkdir(parents=True, exist_ok=True)
                standing.rename(destination)
                sync_folder(destination.parent)
                sync_folder(standing.parent)

    def summary(self) -> RunSummary:
        """What `handspun runs` says of this run. Raises DamagedFileError or RunError."""
        finished = [stage for stage, record in self.stages().items() if record["finished"]]
        stats = list(file_stats(self.path))
        modified = max(status.st_mtime for status in stats)
        return RunSummary(
            name=self.recipe_name(),
            path=str(self.path),
            stage=finished[-1] if finished else None,
            steps=self.metrics.newest("step"),
            val_bpb=self.metrics.newest("val_bpb"),
            size_bytes=sum(status.st_size for status in stats),
            modified=datetime.fromtimestamp(modified, UTC).isoformat(timespec="seconds"),
        )


def stage_key(stage: str, *, tables: Mapping[str, Any], inputs: Mapping[str, str], code: Mapping[str, str]) -> str:
    """The hex SHA-256 under which a stage is fresh: its recipe tables, its inputs' hashes and its rooms' code versions."""
    return sha256_of_json({"stage": stage, "tables": dict(tables), "inputs": dict(inputs), "code": dict(code)})


def code_version(room: str) -> str:
    """The hex SHA-256 over the Python files of one room (`tokens`, or `checkpoint` for checkpoint.py)."""
    package = resources.files("handspun")
    module = package / f"{room}.py"
    files = {module.name: module} if module.is_file() else dict(python_files(package / room))
    digest = hashlib.sha256()
    for name in sorted(files):
        content = files[name].read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def python_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Every .py file below a folder, by its name relative to it."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from python_files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield f"{prefix}{entry.name}", entry


def list_runs(folder: Path) -> list[Run]:
    """The runs right below `folder`, by name."""
    return [Run(path.parent) for path in sorted(folder.glob("*/recipe.toml"))]


def file_stats(folder: Path) -> Iterator[os.stat_result]:
    """Size and times of every file below a folder in which another process may be at work."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if stat.S_ISREG((status := path.lstat()).st_mode):
                yield status


def visible_entries(folder: Path) -> list[str]:
    """The names in a folder, without the hidden ones (locks, temporary files)."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def unused_path(path: Path) -> Path:
    """`path`, or the first of PATH-2, PATH-3, ... that is not taken."""
    number = 2
    candidate = path
    while candidate.exists():
        candidate = path.with_name(f"{path.name}-{number}")
        number += 1
    return candidate
