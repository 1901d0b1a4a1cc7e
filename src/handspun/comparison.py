"""Runs side by side: what each has measured, aligned on tokens, time and FLOPs, and what their recipes do not share."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from handspun.errors import RunError
from handspun.model.cost import flops_per_token
from handspun.plot.panel import Curve, Panel, smoothed
from handspun.recipe import Recipe
from handspun.runs import Run
from handspun.settings import build, flat, read_toml, to_tree
from handspun.train.config import TrainConfig

SMOOTHED_SHARE = 0.02
"""Of the steps of a run: over so many the training loss is averaged where it is drawn."""
AXES = ("tokens", "seconds", "flops")
QUANTITIES = {"train_loss": "train_loss (nats per token, smoothed)", "val_bpb": "val_bpb (bits per byte, held out)"}
POWERS = {10**3: "thousands", 10**6: "millions", 10**9: "billions", 10**12: "trillions"}
TIMES = {1: "seconds", 60: "minutes", 3600: "hours"}


@dataclass(frozen=True)
class History:
    """One run: its recipe, and a record per step that knows where the step stands on each axis."""

    path: str
    recipe: Recipe
    records: Sequence[dict[str, Any]]

    def series(self, *keys: str) -> list[tuple[Any, ...]]:
        """The values under `keys` of each record that has them all."""
        return [
            tuple(record[key] for key in keys) for record in self.records if all(record.get(key) is not None for key in keys)
        ]

    def values(self, key: str) -> list[Any]:
        """The values under one key, oldest first."""
        return [value for (value,) in self.series(key)]

    def newest(self, key: str) -> Any | None:
        """The last value under `key`; None where there is none."""
        return next(reversed(self.values(key)), None)

    def middle(self, key: str) -> float | None:
        """The median of the values under `key`; None where there are none."""
        return median(self.values(key)) if self.values(key) else None

    def facts(self) -> dict[str, Any]:
        """The run as one row of a table; what was not measured is None."""
        seconds, peaks = self.newest("seconds"), self.values("peak_gib")
        return {
            "run": self.path,
            "steps": self.newest("step"),
            "val_bpb": self.newest("val_bpb"),
            "tokens": self.newest("tokens"),
            "flops": self.newest("flops"),
            "hours": None if seconds is None else seconds / 3600,
            "tok_per_s": self.middle("tok_per_s"),
            "mfu": self.middle("mfu"),
            "peak_gib": max(peaks, default=None),
        }

    def points(self, axis: str, quantity: str) -> list[tuple[float, float]]:
        """What is drawn of a quantity; the training loss is smoothed."""
        places, values = zip(*self.series(axis, quantity), strict=True) if self.series(axis, quantity) else ((), ())
        if quantity == "train_loss":
            values = smoothed(values, max(1, round(SMOOTHED_SHARE * len(values))))
        return list(zip(places, values))

    def columns(self, quantity: str) -> dict[str, list[Any]]:
        """Every value of a quantity and where it was measured, one list per key."""
        return {
            key: [record.get(key) for record in self.records if record.get(quantity) is not None]
            for key in ("step", *AXES, quantity)
        }


def read_history(run: Run) -> History:
    """The metrics of a run beside its recipe. Raises RunError where it has none, and DamagedFileError."""
    recipe = build(Recipe, read_toml(run.recipe_path), where=run.recipe_path)
    tokenized = run.stages().get("tokenize", {"facts": {}})["facts"]
    vocab_size = tokenized.get("vocab_size", recipe.tokens.vocab_size)
    per_step = recipe.train.batch_tokens * flops_per_token(recipe.model, vocab_size, recipe.train.seq_len)
    records = list(placed(run.metrics.by_step(), recipe.train, per_step))
    if not records:
        raise RunError(f"{run.path} has no metrics yet; train it first: handspun train {run.path}.")
    return History(str(run.path), recipe, records)


def placed(records: Iterable[dict[str, Any]], config: TrainConfig, flops_per_step: int) -> Iterator[dict[str, Any]]:
    """Each record with where it stands on every axis; where no time was written down, the steps' own is summed up."""
    seconds = 0.0
    for record in records:
        if speed := record.get("tok_per_s"):
            seconds += config.batch_tokens / speed
        place = {"tokens": config.tokens_read(record["step"]), "seconds": round(seconds, 3)}
        yield {**place, **record, "flops": record["step"] * flops_per_step}


def differences(histories: Sequence[History]) -> dict[str, list[Any]]:
    """The keys that not all recipes agree on, each with the value of every run; None where it is off."""
    trees = [dict(flat(to_tree(history.recipe))) for history in histories]
    keys = dict.fromkeys(key for tree in trees for key in tree)
    values = {key: [tree.get(key) for tree in trees] for key in keys}
    return {key: found for key, found in values.items() if any(value != found[0] for value in found)}


def panels(labeled: Sequence[tuple[str, History]]) -> list[list[Panel]]:
    """A row per quantity that was measured, a column per axis; histories of one label are drawn alike."""
    return [
        [panel(labeled, axis, quantity) for axis in AXES]
        for quantity in QUANTITIES
        if any(history.values(quantity) for _, history in labeled)
    ]


def panel(labeled: Sequence[tuple[str, History]], axis: str, quantity: str) -> Panel:
    """One quantity over one axis, in units that make short numbers."""
    drawn = [(label, history.points(axis, quantity)) for label, history in labeled]
    unit, x_label = unit_of(axis, max((x for _, points in drawn for x, _ in points), default=0.0))
    curves = [Curve(label, [(x / unit, y) for x, y in points]) for label, points in drawn]
    return Panel(QUANTITIES[quantity], x_label, curves)


def unit_of(axis: str, largest: float) -> tuple[float, str]:
    """What the values of an axis are divided by, and what it then says below the axis."""
    if axis == "flops":
        exponent = max(0, len(str(int(largest))) - 1)
        return 10.0**exponent, f"FLOPs, 1e{exponent}"
    words = TIMES if axis == "seconds" else POWERS
    unit = max((size for size in words if 2 * size <= largest), default=1)
    if axis == "seconds":
        return unit, words[unit]
    return unit, f"{words[unit]} of tokens" if unit in words else "tokens"
