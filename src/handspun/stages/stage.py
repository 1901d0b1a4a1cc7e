"""A stage of the way from text to assistant: what it depends on, what it makes, and whether that is still fresh."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from handspun.errors import HandspunError
from handspun.processes import Processes
from handspun.recipe import Recipe
from handspun.runs import Run
from handspun.settings import flat, to_toml, to_tree
from handspun.stage_key import code_version, stage_key
from handspun.stages.reason import reason, whereabouts
from handspun.train.config import FREE_KEYS

UNDECIDING = {*(f"train.{key}" for key in FREE_KEYS), "corpus.weights", "corpus.max_bytes", "corpus.hub_folder"}
"""Keys that do not decide what a stage makes. Weights and max_bytes do where they change what is read of a source: an input."""
NOT_ASKED_FOR = "not asked for"
"""Stands for the key of a stage that the recipe has not."""
NOTHING_TO_DO = "fresh"
"""What the other processes hear of a stage that is done already."""


class Progress(Protocol):
    """Told how far a stage has come."""

    def __call__(self, done: int, total: int | None = None, **fields: Any) -> None: ...


class Reporter(Protocol):
    """Whoever shows a stage to the user."""

    def progress(self, stage: str, unit: str) -> AbstractContextManager[Progress]:
        """A progress line for as long as it is entered."""
        ...

    def say(self, text: str) -> None:
        """One line of talk."""
        ...

    def sample(self, prompt: str, text: str) -> None:
        """What the model makes of a prompt."""
        ...


@dataclass(frozen=True)
class Workshop:
    """What every stage works with."""

    recipe: Recipe
    run: Run
    reporter: Reporter
    is_forced: bool = False
    """Whether to go on where there is too little memory or text."""
    processes: Processes = field(default_factory=Processes)
    """Those that do it together. All but the first only join in the stages that are shared."""

    @property
    def recipe_toml(self) -> str:
        """The resolved recipe."""
        return to_toml(self.recipe)


@dataclass(frozen=True)
class Stage:
    """One stage. It is run again when its tables, its inputs or its code have changed."""

    name: str
    tables: Sequence[str]
    """Recipe tables that decide its result."""
    rooms: Sequence[str]
    """Rooms whose code decides its result."""
    inputs: Callable[[Workshop], Mapping[str, str]]
    """Hashes of what it reads."""
    outputs: Callable[[Workshop], Sequence[Path]]
    """What it makes inside the run folder, folders before what they hold; where one is gone it is done again."""
    work: Callable[[Workshop, str], Mapping[str, Any]]
    """Does it, given its key, and returns the facts worth keeping."""
    beside: Callable[[Workshop], Sequence[Path]] = field(default=lambda _: [])
    """What others write about its result: it moves with it, and is never a reason to do it again."""
    is_asked_for: Callable[[Recipe], bool] = field(default=lambda _: True)
    """Whether this recipe has the stage at all."""
    check: Callable[[Workshop], None] = field(default=lambda _: None)
    """Raises DeviceError or CorpusError where there is too little memory or text for it."""
    clocked_s: Callable[[Workshop], float] = field(default=lambda _: 0.0)
    """The seconds that earlier sessions have noted elsewhere: a process that was killed could not add them up."""
    is_shared: bool = False
    """Whether all processes of a run do it together; the first does every other stage alone."""

    def check_unless_forced(self, workshop: Workshop) -> None:
        """Raise what `check` raises, where nobody said to go on regardless."""
        if not workshop.is_forced:
            self.check(workshop)

    def made_of(self, workshop: Workshop) -> dict[str, dict[str, Any]]:
        """Everything that decides the result: keys of the recipe, hashes of what it reads, versions of the code it runs."""
        settings = flat({name: to_tree(getattr(workshop.recipe, name)) for name in self.tables})
        return {
            "settings": {key: value for key, value in settings if key not in UNDECIDING},
            "inputs": dict(self.inputs(workshop)),
            "code": {room: code_version(room) for room in (*self.rooms, "stages")},
        }

    def key(self, workshop: Workshop) -> str:
        """The hash of everything that decides the result."""
        return stage_key(self.name, **self.made_of(workshop))


@dataclass(frozen=True)
class Outcome:
    """What became of one stage. `seconds` is what it took, in all sessions together."""

    stage: str
    seconds: float
    was_fresh: bool
    facts: Mapping[str, Any]
    was_taken_back: bool = False
    """Whether it was done before under these settings, and its result has lain in superseded/ since."""


def run_stage(stage: Stage, workshop: Workshop, later: Sequence[str] = ()) -> Outcome:
    """Do the stage unless what it would make is there already, or lies in superseded/ and can be taken back.

    What was made under another key moves there, and with it what the `later` stages had made of it; it comes back where the
    stage fails.
    """
    run, made_of = workshop.run, stage.made_of(workshop)
    key = stage_key(stage.name, **made_of)
    if is_done(stage, workshop, key):
        return done_before(stage, workshop, was_taken_back=False)
    if not is_kept_finished(run, stage.name, key):
        stage.check_unless_forced(workshop)
    before = run.stages().get(stage.name)
    moved = begin(stage, workshop, key, made_of, later)
    if before and before["finished"]:
        workshop.reporter.say(f"{stage.name}: {cause(stage, workshop, before, key, made_of)}{whereabouts(moved)}")
    if is_done(stage, workshop, key):
        return done_before(stage, workshop, was_taken_back=True)
    call_others(stage, workshop, key)
    return work(stage, workshop, key, moved)


def is_done(stage: Stage, workshop: Workshop, key: str) -> bool:
    """Whether all that it makes is there."""
    return workshop.run.is_fresh(stage.name, key) and all(output.exists() for output in stage.outputs(workshop))


def is_kept_finished(run: Run, stage: str, key: str) -> bool:
    """Whether what the stage would make lies whole in superseded/."""
    kept = run.superseded.find(stage, key)
    return kept is not None and run.superseded.record_in(kept)[1]["finished"] is not None


def done_before(stage: Stage, workshop: Workshop, *, was_taken_back: bool) -> Outcome:
    """The outcome of a stage that need not be done."""
    call_others(stage, workshop, NOTHING_TO_DO)
    record = workshop.run.stages()[stage.name]
    return Outcome(stage.name, record["seconds"], was_fresh=True, facts=record["facts"], was_taken_back=was_taken_back)


def begin(stage: Stage, workshop: Workshop, key: str, made_of: Mapping[str, Any], later: Sequence[str]) -> list[Path]:
    """Make ready to do the stage, and return where what was in its way has moved."""
    outputs, beside = stage.outputs(workshop), stage.beside(workshop)
    return workshop.run.begin(stage.name, key, outputs, made_of=made_of, beside=beside, later=later)


def cause(stage: Stage, workshop: Workshop, before: Mapping[str, Any], key: str, made_of: Mapping[str, Any]) -> str:
    """Why a stage that was finished is done again."""
    if before["key"] != key:
        return reason(before, made_of)
    gone = next(output for output in stage.outputs(workshop) if not output.exists())
    return f"{gone} is gone"


def work(stage: Stage, workshop: Workshop, key: str, moved: Sequence[Path]) -> Outcome:
    """Do the stage. The time of sessions that were broken off is counted, and an error puts back what was moved for it."""
    run = workshop.run
    before_s = max(run.stages()[stage.name]["seconds"] or 0.0, stage.clocked_s(workshop))
    started = time.monotonic() - before_s
    try:
        facts = stage.work(workshop, key)
    except BaseException as error:
        with suppress(OSError, HandspunError):  # a full disk: nothing is lost, and the stage's own error is the one to read
            run.pause(stage.name, time.monotonic() - started)
            if moved and isinstance(error, Exception):
                run.undo(stage.name, moved)
                workshop.reporter.say(f"{stage.name} has failed: what was there before is back")
        raise
    seconds = time.monotonic() - started
    run.finish(stage.name, seconds, facts)
    return Outcome(stage.name, seconds, was_fresh=False, facts=facts)


def call_others(stage: Stage, workshop: Workshop, key: str) -> None:
    """Tell the other processes of the run under which key to do a stage that is shared."""
    if stage.is_shared:
        workshop.processes.told(key)


def follow_stage(stage: Stage, workshop: Workshop) -> None:
    """Wait for the first process, and do a share of the stage with it."""
    key = workshop.processes.told()
    if key != NOTHING_TO_DO:
        stage.work(workshop, key)


def retire_stage(stage: Stage, workshop: Workshop, later: Sequence[str] = ()) -> None:
    """Move what a stage has made to superseded/, where the recipe no longer asks for it."""
    record = workshop.run.stages().get(stage.name)
    if record is None or record["key"] == NOT_ASKED_FOR:
        return
    moved = begin(stage, workshop, NOT_ASKED_FOR, {}, later)
    workshop.reporter.say(f"{stage.name}: the recipe no longer asks for it{whereabouts(moved)}")
