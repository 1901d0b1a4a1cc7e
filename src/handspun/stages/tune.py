"""The stage that tunes the pretrained model into an assistant."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handspun.checkpoint import load_checkpoint
from handspun.device import keep_freed_memory
from handspun.metrics import Metrics
from handspun.runs import Run
from handspun.stages.memory import check_tuning
from handspun.stages.stage import Stage, Workshop
from handspun.stages.tokenize import chat_shards, text_shards
from handspun.stages.train import agreed_dtype, last_checkpoint, pretrained, train_into
from handspun.tune.instruct import tuning_batches


def tuning_metrics(run: Run) -> Metrics:
    """The records of the tuning, beside its checkpoints."""
    return Metrics(run.tuned / "metrics.jsonl")


def tuned(workshop: Workshop) -> Path:
    """The checkpoint that tuning ends with; the folder of all of them where the recipe does not tune."""
    recipe, folder = workshop.recipe, workshop.run.tuned
    return folder if recipe.tune is None else last_checkpoint(folder, recipe.tune.applied_to(recipe.train))


def base_hash(workshop: Workshop) -> Mapping[str, str]:
    """What the pretrained model is: the key of the stage that made it."""
    return {"train": workshop.run.stages()["train"]["key"]}


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:
    """Tune from the newest pretrained checkpoint."""
    recipe, run = workshop.recipe, workshop.run
    assert recipe.tune is not None
    keep_freed_memory()
    base = load_checkpoint(pretrained(workshop))
    tokenizer = base.load_tokenizer()
    settings, batches = tuning_batches(
        recipe.tune,
        recipe.train,
        chats=chat_shards(run),
        texts=text_shards(run, recipe.corpus),
        weights=recipe.corpus.parts,
        tokenizer=tokenizer,
        seed=recipe.seed + 1,
    )
    model = base.shell(compute_dtype=agreed_dtype(workshop))
    run.tuned.mkdir(exist_ok=True)
    weights = base.weights.items()
    checkpoint = train_into(run.tuned, workshop, settings, batches, model, weights, key, tuning_metrics(run), "tune")
    return {"step": checkpoint.step, "tokens": settings.steps * settings.batch_tokens}


TUNE = Stage(
    name="tune",
    tables=["seed", "train", "tune"],
    rooms=["model", "train", "tune"],
    inputs=base_hash,
    outputs=lambda workshop: [workshop.run.tuned, tuned(workshop)],
    work=work,
    check=check_tuning,
    clocked_s=lambda workshop: tuning_metrics(workshop.run).newest("seconds") or 0.0,
    is_asked_for=lambda recipe: recipe.tune is not None,
    is_shared=True,
)
