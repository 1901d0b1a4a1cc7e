"""Run folders with metrics made by rule, as training would have left them."""

from pathlib import Path
from typing import Any

from handspun.recipe import Recipe
from handspun.runs import Run
from handspun.settings import build, to_toml

STEPS, EVAL_EVERY = 20, 5


def made_run(path: Path, *, seed: int = 1, loss: float = 2.0, tok_per_s: float = 4096.0, **train: Any) -> Run:
    """A run of twenty steps whose losses end at `loss`; each fifth is measured, in a record of its own."""
    settings = {"seq_len": 64, "micro_batch": 4, "batch_tokens": 1024, "train_tokens": STEPS * 1024, "warmup_steps": 1, **train}
    shape = {"d_model": 32, "n_layers": 2, "n_heads": 2}
    recipe = build(Recipe, {"name": path.name, "seed": seed, "model": shape, "train": settings})
    run = Run(path)
    run.metrics.path.unlink(missing_ok=True)
    run.claim(recipe.name, to_toml(recipe))
    for step in range(1, STEPS + 1):
        train_loss = loss + 5 / step - 5 / STEPS
        measured = {"tok_per_s": tok_per_s, "mfu": 0.25, "peak_gib": 1 + step / 100}
        place = {"tokens": 1024 * step, "seconds": 1024 * step / tok_per_s}
        run.metrics.append({"step": step, "train_loss": train_loss, "lr": 1e-3, "grad_norm": 1.0, **measured, **place})
        if step % EVAL_EVERY == 0:
            run.metrics.append({"step": step, "val_loss": train_loss, "val_bpb": train_loss / 2})
    return run
