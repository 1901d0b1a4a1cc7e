"""A stage of the way from text to assistant: what it depends on, what it makes, and whether that is still fresh."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from handspun.processes import Processes
from handspun.recipe import Recipe
from handspun.runs import Run, code_version, stage_key
from handspun.settings import to_toml, to_tree
from handspun.train.config import FREE_KEYS

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
    is_asked_for: Callable[[Recipe], bool] = field(default=lambda _: True)
    """Whether this recipe has the stage at all."""
    check: Callable[[Workshop], None] = field(default=lambda _: None)
    """Raises DeviceError or CorpusError where there is too little memory or text for it."""
    is_shared: bool = False
    """Whether all processes of a run do it together; the first does every other stage alone."""

    def check_unless_forced(self, workshop: Workshop) -> None:
        """Raise what `check` raises, where nobody said to go on regardless."""
        if not workshop.is_forced:
            self.check(workshop)

    def key(self, workshop: Workshop) -> str:
        """The hash of everything that decides the result."""
        tables = {name: to_tree(getattr(workshop.recipe, name)) for name in self.tables}
        if "train" in tables:
            tables["train"] = {key: value for key, value in tables["train"].items() if key not in FREE_KEYS}
        code = {room: code_version(room) for room in (*self.rooms, "stages")}
        return stage_key(self.name, tables=tables, inputs=self.inputs(workshop), code=code)


@dataclass(frozen=True)
class Outcome:
    """What became of one stage."""

    stage: str
    seconds: float
    was_fresh: bool
    facts: Mapping[str, Any]


def run_stage(stage: Stage, workshop: Workshop) -> Outcome:
    """Do the stage unless what it would make is there already; what was made under another key moves to superseded/."""
    run, key, outputs = workshop.run, stage.key(workshop), stage.outputs(workshop)
    is_fresh = run.is_fresh(stage.name, key) and all(output.exists() for output in outputs)
    if is_fresh:
        call_others(stage, workshop, NOTHING_TO_DO)
        record = run.stages()[stage.name]
        return Outcome(stage.name, record["seconds"], was_fresh=True, facts=record["facts"])
    stage.check_unless_forced(workshop)
    run.begin(stage.name, key, outputs)
    call_others(stage, workshop, key)
    started = time.monotonic()
    facts = stage.work(workshop, key)
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


def retire_stage(stage: Stage, workshop: Workshop) -> None:
    """Move what a stage has made to superseded/, where the recipe no longer asks for it."""
    if stage.name in workshop.run.stages():
        workshop.run.begin(stage.name, NOT_ASKED_FOR, stage.outputs(workshop))
