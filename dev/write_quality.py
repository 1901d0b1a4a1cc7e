"""Write docs/runs/quantization.md from quantized run folders: `python dev/write_quality.py RUN RUN...`.

Each run is quantized in every scheme first: `handspun quantize RUN scheme=int8 --force`. Every number is read from there.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handspun.checkpoint import load_checkpoint
from handspun.errors import HandspunError, RunError
from handspun.evaluate.report import table
from handspun.files import write_bytes
from handspun.model.cost import parameters
from handspun.quantize.config import LIMITS, Scheme
from handspun.quantize.folder import is_quantized
from handspun.recipe import Recipe, load_recipe
from handspun.runs import Run

PAGE = Path(__file__).parent.parent / "docs" / "runs" / "quantization.md"
COLUMNS = ["bytes", "bits per byte", "mean KL", "99th percentile", "same likeliest"]
METHOD = """Each model is measured before and after on the same held-out tokens: KL(before ‖ after) in nats per token, and how
often both hold the same token for the likeliest."""
Measured = dict[Scheme, dict[str, Any]]
"""What `handspun quantize` measured, by scheme."""


@dataclass(frozen=True)
class Quality:
    """One trained model, and what each scheme loses of it."""

    recipe: Recipe
    is_tuned: bool
    measured: Measured

    @property
    def before(self) -> dict[str, Any]:
        """What was measured of the model itself: the same under every scheme."""
        return next(iter(self.measured.values()))


def read_quality(path: Path) -> Quality:
    """What was measured of one run. Raises RunError where a scheme is missing, CheckpointError where one is stale."""
    run = Run(path)
    for scheme in LIMITS:
        if not is_quantized(run.quantized / scheme):
            raise RunError(f"{path} has no weights in {scheme}; run `handspun quantize {path} scheme={scheme} --force`.")
    found = {scheme: load_checkpoint(run.quantized / scheme).quantization for scheme in LIMITS}
    measured = {scheme: quantization.measured for scheme, quantization in found.items() if quantization}
    if len({facts["n_tokens"] for facts in measured.values()}) > 1:
        raise RunError(f"the schemes of {path} were measured on texts of unlike length; quantize it again in each.")
    return Quality(load_recipe(str(path)), run.finished == run.tuned, measured)


def page(qualities: Sequence[Quality]) -> str:
    """The page in Markdown."""
    parts = [
        "<!-- written by `python dev/write_quality.py RUN RUN...` from what `handspun quantize` measured; change it there -->",
        "# What quantizing loses",
        METHOD,
        *(part for quality in qualities for part in (heading(quality), losses_table(quality))),
        "## Limits",
        "The mean KL above which `handspun quantize` refuses, beside the most that these models lose.",
        limits_table(qualities),
    ]
    return "\n\n".join(parts) + "\n"


def heading(quality: Quality) -> str:
    """The name of a model, and its shape in a sentence."""
    model, vocab_size = quality.recipe.model, quality.recipe.tokens.vocab_size
    n_params = sum(parameters(model, vocab_size).values())
    shape = f"{n_params / 1e6:.2f}M parameters: {model.n_layers} layers of width {model.d_model}, {model.activation}"
    heads = f"{model.n_heads} heads on {model.kv_heads} of keys and values"
    table_of = "the head shares the embedding" if model.tie_embeddings else "a head of its own"
    extras = "".join(f", {name.replace('_', ' ')}" for name in ("copy_head", "repeat_embedding") if getattr(model, name))
    trained = f"{quality.recipe.train.train_tokens:,} tokens{', then tuned' if quality.is_tuned else ''}"
    measured = f"measured on {quality.before['n_tokens']:,} tokens"
    return f"## {quality.recipe.name}\n\n{shape}, {heads}, {table_of}{extras}. Trained on {trained}; {measured}."


def losses_table(quality: Quality) -> str:
    """The model itself, and each scheme of it."""
    before = ["before", f"{quality.before['bytes_before']:,}", f"{quality.before['bpb_before']:.4f}", "", "", ""]
    rows = [[f"`{scheme}`", *losses(facts)] for scheme, facts in quality.measured.items()]
    return table(["", *COLUMNS], [before, *rows])


def losses(facts: dict[str, Any]) -> list[str]:
    """What one scheme loses, in the order of COLUMNS."""
    size, bpb, agreement = f"{facts['bytes_after']:,}", f"{facts['bpb_after']:.4f}", f"{facts['top1_agreement']:.1%}"
    return [size, bpb, f"{facts['kl_mean']:.6f}", f"{facts['kl_p99']:.4f}", agreement]


def limits_table(qualities: Sequence[Quality]) -> str:
    """Of each scheme its limit, and the most that was lost under it."""
    most = {scheme: max(quality.measured[scheme]["kl_mean"] for quality in qualities) for scheme in LIMITS}
    return table(
        ["scheme", "limit", "most lost"], [[f"`{scheme}`", f"{LIMITS[scheme]:g}", f"{most[scheme]:.6f}"] for scheme in LIMITS]
    )


def write_quality(paths: Sequence[Path], target: Path = PAGE) -> None:
    """Write the page. Raises HandspunError where a run was not quantized, or was trained again since."""
    write_bytes(target, page([read_quality(path) for path in paths]).encode())


if __name__ == "__main__":
    try:
        write_quality([Path(name) for name in sys.argv[1:]])
    except HandspunError as error:
        sys.exit(f"error: {error}")
