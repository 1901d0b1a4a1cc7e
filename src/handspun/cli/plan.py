"""handspun plan: what a recipe needs, before anything is spent."""

from typing import TYPE_CHECKING, Any

from handspun.cli import terminal
from handspun.cli.workshop import home_of, mention_namesake
from handspun.errors import SettingsError
from handspun.planner.devices import GIB, Devices, devices_here, named_devices
from handspun.planner.duration import EFFICIENCY
from handspun.planner.plan import Plan, make_plan
from handspun.planner.text import Share, Text
from handspun.recipe import load_recipe
from handspun.runs import Run

if TYPE_CHECKING:
    from handspun.planner.rate import Measurement

PARTS = ("weights", "gradients", "optimizer", "activations", "logits", "other", "total")


def plan(recipe: str, *overrides: str, devices: str | None = None, here: bool = False, json: bool = False) -> None:
    """Say what training a recipe takes: parameters, tokens, FLOPs, memory, disk, hours; whether it fits, and else what would.

    Parameters
    ----------
    recipe
        The name of a shipped recipe, the path of a TOML file, or a run folder.
    overrides
        Keys of the recipe to set, such as model.n_layers=8.
    devices
        What to plan for instead of this machine: 4x24GiB, 8xRTX4090, H100.
    here
        Measure this machine first, for a few seconds. What was measured is remembered for the next plan.
    json
        Print one JSON object: n_params, n_params_by_part, train_tokens, steps, flops, devices, per_device_gib (weights,
        gradients, optimizer, activations, logits, other, total), memory_gib (the same), free_gib, fits, remedy, hours,
        disk_gib, text, portable_as, gguf_as.
    """
    if devices and here:
        raise SettingsError(f"--devices {devices} and --here are two answers to one question; leave one of them out.")
    loaded = load_recipe(recipe, overrides)
    mention_namesake(recipe)
    if here:
        measure_here()
    planned = make_plan(loaded, named_devices(devices) if devices else devices_here(), Run(home_of(recipe, loaded)))
    if json:
        terminal.write_json(facts(planned))
    else:
        show(planned)


def measure_here() -> "Measurement":
    """Measure how fast this machine trains, and remember it."""
    from handspun.cli.progress import Progress
    from handspun.device import choose_device
    from handspun.planner.rate import keep_measurement
    from handspun.speed import BENCHMARK_S, measurement

    device = choose_device()
    with Progress("measure this machine", "shapes", quiet_s=0) as progress:
        measured = measurement(device, BENCHMARK_S, progress)
    keep_measurement(measured)
    return measured


def facts(planned: Plan) -> dict[str, Any]:
    """The plan as one JSON object."""
    memory = {part: round(getattr(planned.memory, part) / GIB, 4) for part in PARTS}
    return {
        "n_params": planned.footprint.n_params,
        "n_params_by_part": planned.n_params_by_part,
        "train_tokens": planned.train_tokens,
        "steps": planned.recipe.train.steps,
        "flops": planned.flops,
        "devices": device_facts(planned),
        "per_device_gib": memory,
        "memory_gib": memory,
        "free_gib": round(planned.devices.free_bytes / GIB, 2),
        "fits": planned.fits,
        "remedy": planned.remedy.overrides if planned.remedy else None,
        "hours": None if planned.hours is None else round(planned.hours, 6),
        "disk_gib": round(planned.disk_bytes / GIB, 4),
        "text": text_facts(planned.text),
        "portable_as": planned.recipe.model.portable_as,
        "gguf_as": planned.recipe.model.gguf_as,
    }


def text_facts(text: Text) -> dict[str, Any]:
    """How much text is wanted and there, in all and of each source of a mixture."""
    shares = [
        {"source": part.source, "share": part.share, "wanted_tokens": part.wanted, "available_tokens": part.available}
        for part in text.shares
    ]
    return {"wanted_tokens": text.wanted, "available_tokens": text.available, "shares": shares}


def device_facts(planned: Plan) -> dict[str, Any]:
    """What it is planned for, and how the work is shared there."""
    devices = planned.devices
    return {
        "kind": devices.kind,
        "name": devices.name,
        "count": devices.count,
        "parallel": planned.footprint.mode,
        "rate": devices.rate.basis,
    }


def show(planned: Plan) -> None:
    """The plan as tables and sentences."""
    recipe, memory = planned.recipe, planned.memory
    parts = [*planned.n_params_by_part.items(), ("all", planned.footprint.n_params)]
    terminal.table(("parameters", ""), parts)
    terminal.write_line()
    terminal.table((memory_title(planned), "GiB"), [(part, getattr(memory, part) / GIB) for part in PARTS])
    terminal.write_line()
    steps = f"{planned.train_tokens:,} tokens in {recipe.train.steps:,} steps of {recipe.train.batch_tokens:,}"
    rows = [
        ("training", f"{steps}, {planned.flops:.2e} FLOPs"),
        ("time", time_text(planned)),
        ("text", text_text(planned)),
        ("disk", disk_text(planned)),
        ("host", f"{terminal.bytes_text(planned.footprint.host_bytes())} of its memory hold what is offloaded"),
        ("memory", verdict(planned)),
        ("shape", portability(recipe.model.portable_as, recipe.model.gguf_as)),
    ]
    terminal.table((), [row for row in rows if row[0] != "host" or planned.footprint.host_bytes()])
    if planned.text.shares:
        terminal.write_line()
        terminal.table(("source", "share", "tokens to read", "readings"), map(share_row, planned.text.shares))


def share_row(part: Share) -> tuple[str, str, int, str]:
    """One source of a mixture: more readings than one draw it up beyond what was written."""
    readings = "unknown" if part.readings is None else f"{part.readings:.2f}"
    return part.source, f"{part.share:.1%}", part.wanted, readings


def memory_title(planned: Plan) -> str:
    """What the table of the memory is about."""
    devices: Devices = planned.devices
    if devices.count == 1:
        return f"memory on {devices.name}"
    return f"memory on each of {devices.text} ({planned.footprint.mode})"


def time_text(planned: Plan) -> str:
    """How long the steps take, and how that is known."""
    basis = planned.devices.rate.basis
    if planned.hours is None:
        return basis
    share = EFFICIENCY[planned.footprint.mode]
    sharing = f", {share:.0%} of that in {planned.footprint.mode}" if share < 1 else ""
    return f"{long_text(planned.hours)} of steps, {basis}{sharing}"


def long_text(hours: float) -> str:
    """A time between less than a second and years."""
    if hours < 1 / 3600:
        return "under a second"
    return terminal.duration_text(3600 * hours) if hours < 48 else f"{hours / 24:,.0f} days"


def text_text(planned: Plan) -> str:
    """How much is read, and how often."""
    text = planned.text
    if text.available is None:
        return f"{text.wanted:,} tokens to read; how many there are is not known yet"
    read_once = "none twice" if text.is_enough else "too few, for none is read twice"
    often = read_once if text.is_read_once else f"{text.wanted / max(1, text.available):,.2f} times"
    return f"{text.wanted:,} tokens to read, of about {text.available:,}: {often}"


def disk_text(planned: Plan) -> str:
    """What is written."""
    checkpoints = f"{planned.n_checkpoints} checkpoints of {terminal.bytes_text(planned.checkpoint_bytes)}"
    return f"{terminal.bytes_text(planned.disk_bytes)}: {checkpoints}, and the text as tokens"


def verdict(planned: Plan) -> str:
    """Whether it fits, and the key=value with which it does."""
    needed, free = planned.memory.total / GIB, planned.devices.free_bytes / GIB
    said = f"{needed:,.2f} GiB needed, {free:,.2f} GiB free: "
    if planned.fits:
        return f"{said}fits"
    return f"{said}{lacking(planned)}; {remedy_text(planned)}"


def remedy_text(planned: Plan) -> str:
    """What would fit, and how long it would take where that is not the time above."""
    remedy = planned.remedy
    if remedy is None:
        return "a smaller model might"
    lasts = "" if remedy.hours == planned.hours or remedy.hours is None else f", and takes {long_text(remedy.hours)}"
    return f"with {remedy.overrides} it fits{lasts}"


def lacking(planned: Plan) -> str:
    """What is in the way."""
    train, footprint = planned.recipe.train, planned.footprint
    lacks = []
    if not footprint.is_even:
        lacks += [
            f"{planned.devices.count} devices cannot share steps of {train.batch_rows:,} sequences by {train.micro_batch}"
        ]
    elif not footprint.fits:
        lacks += ["does not fit"]
    if not planned.text.is_enough:
        lacks += ["the text is too little"]
    return " and ".join(lacks)


def portability(transformers_class: str | None, architecture: str | None) -> str:
    """Which stock programs load the shape, in a sentence."""
    if not transformers_class and not architecture:
        return "no stock class of transformers or llama.cpp has it"
    in_transformers = (
        f"loads in transformers as {transformers_class}" if transformers_class else "transformers has no class for it"
    )
    in_llama_cpp = f"loads in llama.cpp as {architecture}" if architecture else "llama.cpp has nothing that computes it exactly"
    return f"{in_transformers}; {in_llama_cpp}"
