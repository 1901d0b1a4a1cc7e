"""The check before memory is spent: one sentence that says what is needed, what is free, and what to change."""

from dataclasses import replace

from handspun.errors import CorpusError, DeviceError, SettingsError
from handspun.planner.devices import GIB, Devices
from handspun.planner.plan import Plan
from handspun.planner.reading import Reading
from handspun.planner.text import Share

REGARDLESS = "go on regardless with --force"


def check_training(plan: Plan, what: str = "training") -> None:
    """Raises DeviceError where a training does not fit into the memory, CorpusError where its text is too little."""
    remedy = f"set {plan.remedy.overrides}" if plan.remedy else "take a smaller model, or more or larger devices"
    if not plan.footprint.is_even:
        raise SettingsError(
            f"{plan.devices.count} devices cannot share steps of {plan.recipe.train.batch_rows:,} sequences in forwards of "
            f"train.micro_batch={plan.recipe.train.micro_batch}; {remedy}."
        )
    if not plan.footprint.fits:
        needed = needs(f'{what} "{plan.recipe.name}"', plan.memory.total, plan.devices)
        raise DeviceError(f"{needed}; {remedy}, or {REGARDLESS}.")
    if text := plan.text.too_little:
        of = f' of "{text.source}"' if isinstance(text, Share) else ""
        raise CorpusError(
            f"train.superposition reads {text.wanted:,} tokens of text once{of}, and there are about {text.available:,}; "
            f"{remedy} (the same FLOPs, no more text), add text, or {REGARDLESS}."
        )


def check_reading(reading: Reading, *, what: str, rows_key: str | None = None) -> None:
    """Raises DeviceError where a model cannot be loaded and read with. Fewer rows are the remedy where a key sets them."""
    if reading.fits:
        return
    remedy = "close other programs, or take a smaller model"
    if rows_key and (n_rows := fewer_rows(reading)):
        remedy = f"set {rows_key}={n_rows}"
    raise DeviceError(f"{needs(what, reading.n_bytes, reading.devices)}; {remedy}, or {REGARDLESS}.")


def fewer_rows(reading: Reading) -> int | None:
    """The most rows that fit, halving; None where not even one does."""
    halves = (reading.n_rows >> turn for turn in range(1, reading.n_rows.bit_length()))
    return next((n_rows for n_rows in halves if replace(reading, n_rows=n_rows).fits), None)


def needs(what: str, n_bytes: int, devices: Devices) -> str:
    """What is needed and what is free."""
    each = " on each" if devices.count > 1 else ""
    free = f"{devices.free_bytes / GIB:,.2f} GiB of {devices.text} are free"
    return f"{what} needs {n_bytes / GIB:,.2f} GiB of memory{each}, and {free}"
