"""A run folder: where everything of one run lies, who may write to it, and which stages of it are done.

    runs/NAME/
    ├── recipe.toml         the resolved recipe
    ├── stages.json         per stage: the key it ran under, when it ended, how long it took, what it found
    ├── metrics.jsonl       per step: loss, learning rate, speed; now and then val_bpb
    ├── provenance.json     seed, versions, machine, data, command
    ├── evaluation.json     what the finished model was measured to do; report.md says it to people
    ├── corpus/ tokens/ checkpoints/ tuned/
    ├── index/              the run's own text, to be looked up, where the recipe has [retrieve]
    ├── evaluations/        what indexes were measured to be worth to the finished model
    ├── quantized/          the finished model in fewer bits, a folder per scheme
    ├── exported/           the finished model in the files of other programs
    └── superseded/         what stages of another key had made: moved here, never deleted, and taken back

A stage is keyed by a hash of its own tables, its inputs and its code; it is run again when its key has changed.
"""

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handspun.errors import RunError
from handspun.files import read_json, write_bytes, write_json
from handspun.lock import locked
from handspun.metrics import Metrics
from handspun.superseded import Superseded


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
    def quantized(self) -> Path:
        return self.path / "quantized"

    @property
    def exported(self) -> Path:
        return self.path / "exported"

    @property
    def index(self) -> Path:
        return self.path / "index"

    @property
    def evaluations(self) -> Path:
        return self.path / "evaluations"

    @property
    def evaluation_path(self) -> Path:
        return self.path / "evaluation.json"

    @property
    def report_path(self) -> Path:
        return self.path / "report.md"

    @property
    def superseded(self) -> Superseded:
        return Superseded(self.path)

    @contextmanager
    def entered(self, name: str, recipe_toml: str) -> Iterator[None]:
        """Hold the folder for this process as that of recipe `name`. Raises RunError.

        An error that leaves every stage as it was leaves the recipe as it was, too; and no folder where there was none.
        """
        self.check_is_ours()
        absent = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        with self.lock():
            recipe = self.recipe_path.read_bytes() if self.recipe_path.is_file() else None
            stages = self.stages()
            self.claim(name, recipe_toml)
            try:
                yield
            except Exception:
                if recipe is not None and stages == self.stages():
                    write_bytes(self.recipe_path, recipe)
                elif recipe is None and not set(visible_entries(self.path)) - {"recipe.toml", "stages.json"}:
                    self.vanish(absent)
                raise

    def vanish(self, folders: Sequence[Path]) -> None:
        """Take away the files of a run that has come to nothing, and those of these folders that are empty then."""
        for name in ("recipe.toml", "stages.json", ".lock"):
            (self.path / name).unlink(missing_ok=True)
        with suppress(OSError):
            for folder in folders:
                folder.rmdir()

    def check_is_ours(self) -> None:
        """Raises RunError where the folder holds something that is no run, or is no folder."""
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file, and a run needs a folder; give another with --run DIR.")
        if not self.recipe_path.is_file() and (strangers := visible_entries(self.path)):
            raise RunError(
                f"{self.path} holds {strangers[0]} and no recipe.toml, so it is no run folder; give another with --run DIR."
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process. Raises RunError where another one holds it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{self.path} cannot be made a folder ({error.strerror}); give another with --run DIR.") from error
        with locked(self.path, self.held_by):
            yield

    def held_by(self, pid: str, host: str) -> RunError:
        """What is said of a folder that another process holds."""
        remedy = f"wait for it, stop it (kill {pid}), or give this run a folder of its own with --run DIR"
        return RunError(f"{self.path} is in use by process {pid} on {host}; {remedy}.")

    def claim(self, name: str, recipe_toml: str) -> None:
        """Make this the folder of recipe `name` and save the resolved recipe in it.

        Raises RunError where the folder belongs to a recipe of another name, or holds something that is no run.
        """
        if self.recipe_path.is_file() and (owner := self.recipe_name()) != name:
            remedy = "give this run a folder of its own with --run DIR"
            raise RunError(f'{self.path} was made by name="{owner}" and this recipe has name="{name}"; {remedy}.')
        self.check_is_ours()
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
        """The record of each stage that was begun, in order. Raises DamagedFileError.

        `key made_of outputs beside finished seconds facts`: `made_of` is what the key is a hash of, `beside` what others have
        written about its result, `finished` null until it has ended, `seconds` what it took in all sessions together.
        """
        return read_json(self.stages_path)["stages"] if self.stages_path.is_file() else {}

    def is_fresh(self, stage: str, key: str) -> bool:
        """Whether `stage` has run to its end under this very key, and what it made still stands."""
        record = self.stages().get(stage)
        if record is None or record["key"] != key or record["finished"] is None:
            return False
        return all((self.path / output).exists() for output in record["outputs"])

    def begin(
        self,
        stage: str,
        key: str,
        outputs: Sequence[Path],
        *,
        made_of: Mapping[str, Any] | None = None,
        beside: Sequence[Path] = (),
        later: Sequence[str] = (),
    ) -> list[Path]:
        """Make ready to run `stage` under `key`, and return the folders of superseded/ to which something has moved.

        What another key has left in `outputs` and `beside` (files and folders inside the run) moves there, and with it what the
        `later` stages had made of it. What the same key has left stays, or comes back from there: the stage is then fresh, or
        resumes from it.
        """
        names, extra = ([path.relative_to(self.path).as_posix() for path in paths] for paths in (outputs, beside))
        stages = self.stages()
        record = stages.get(stage, {"key": "unknown", "outputs": []})
        moved = []
        if record["key"] != key:
            old = {stage: record, **{name: stages[name] for name in later if name in stages}}
            unfinished = {name: {**of_old, "finished": None} for name, of_old in old.items()}
            self.write_stages({**stages, **unfinished})  # a crash while moving must not look finished
            standing = {name: [*of_old["outputs"], *of_old.get("beside", ())] for name, of_old in old.items()}
            standing[stage] += [*names, *extra]
            kept = (self.superseded.keep(name, old[name], dict.fromkeys(standing[name])) for name in old)
            moved = [folder for folder in kept if folder is not None]
            stages = {name: of_old for name, of_old in stages.items() if name not in later}
            record = {}
        new = {"key": key, "made_of": dict(made_of or {}), "outputs": names, "beside": extra}
        seconds = None if record.get("finished") else record.get("seconds")
        self.write_stages({**stages, stage: {**new, "finished": None, "seconds": seconds, "facts": {}}})
        if (kept_before := self.superseded.find(stage, key)) is not None:
            self.restore(kept_before)
        return moved

    def restore(self, kept: Path) -> None:
        """Put back what a stage had made and its record."""
        stage, record = self.superseded.record_in(kept)
        self.superseded.take_back(kept)
        self.write_stages({**self.stages(), stage: record})
        self.superseded.forget(kept)

    def undo(self, stage: str, moved: Sequence[Path]) -> None:
        """Put back what `begin` has moved, because the stage has failed; what it had made by then waits in superseded/."""
        failed = self.stages()[stage]
        self.superseded.keep(stage, failed, [*failed["outputs"], *failed["beside"]])
        for folder in moved:
            self.restore(folder)

    def pause(self, stage: str, seconds: float) -> None:
        """Record the time of a stage that did not come to its end, to be added to that of the next session."""
        self.write_stages({**self.stages(), stage: {**self.stages()[stage], "seconds": round(seconds, 3)}})

    def finish(self, stage: str, seconds: float, facts: Mapping[str, Any]) -> None:
        """Record that the stage that was begun has run to its end, and what it found."""
        now, record = datetime.now(UTC).isoformat(timespec="seconds"), self.stages()[stage]
        ended = {**record, "finished": now, "seconds": round(seconds, 3), "facts": dict(facts)}
        self.write_stages({**self.stages(), stage: ended})

    def write_stages(self, stages: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the records, durably."""
        write_json(self.stages_path, {"stages": {name: dict(record) for name, record in stages.items()}})

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
