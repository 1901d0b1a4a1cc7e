"""The stage that learns a vocabulary and writes the corpus as token shards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handspun.corpus.pipeline import read_conversations, read_documents
from handspun.runs import Run
from handspun.stages.curate import text_hashes
from handspun.stages.stage import Stage, Workshop
from handspun.tokens.shards import ShardSet, write_conversations, write_documents
from handspun.tokens.tokenizer import Tokenizer

TEXTS = ("train.jsonl", "val.jsonl", "train_conversations.jsonl")


def tokenizer_folder(run: Run) -> Path:
    """Where the vocabulary lies."""
    return run.tokens / "tokenizer"


def text_shards(run: Run) -> ShardSet:
    """The training text."""
    return ShardSet(run.tokens / "train")


def held_out_shards(run: Run) -> ShardSet:
    """The held-out text."""
    return ShardSet(run.tokens / "val")


def chat_shards(run: Run) -> ShardSet:
    """The training conversations."""
    return ShardSet(run.tokens / "conversations")


def outputs(workshop: Workshop) -> list[Path]:
    """The vocabulary, and a set of shards for each text there is."""
    run, corpus = workshop.run, workshop.recipe.corpus
    sets = {"train": True, "val": corpus.val_share > 0, "conversations": bool(corpus.conversations)}
    return [run.tokens, tokenizer_folder(run), *(run.tokens / name for name, is_made in sets.items() if is_made)]


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:  # noqa: ARG001
    """Learn the vocabulary from the training text, then encode all of the corpus with it."""
    recipe, run = workshop.recipe, workshop.run
    with workshop.reporter.progress("learn the vocabulary", "bytes") as progress:
        texts = (document.text for document in read_documents(run.corpus / "train.jsonl"))
        tokenizer = Tokenizer.train(texts, recipe.tokens, progress)
    tokenizer.save(tokenizer_folder(run))
    facts: dict[str, Any] = {"vocab_size": tokenizer.vocab_size}
    for name, file in (("train", "train.jsonl"), ("val", "val.jsonl")):
        if (run.corpus / file).stat().st_size:
            with workshop.reporter.progress(f"tokenize {name}", "bytes") as progress:
                shards = write_documents(read_documents(run.corpus / file), tokenizer, run.tokens / name, on_progress=progress)
            facts[name] = {"tokens": shards.n_tokens, "bytes": shards.n_bytes, "documents": len(shards)}
    if recipe.corpus.conversations:
        with workshop.reporter.progress("tokenize conversations", "bytes") as progress:
            source = read_conversations(run.corpus / "train_conversations.jsonl")
            shards = write_conversations(source, tokenizer, run.tokens / "conversations", on_progress=progress)
        facts["conversations"] = {"tokens": shards.n_tokens, "bytes": shards.n_bytes, "documents": len(shards)}
    return facts


TOKENIZE = Stage(
    name="tokenize",
    tables=["tokens"],
    rooms=["tokens"],
    inputs=lambda workshop: text_hashes(workshop.run, *TEXTS),
    outputs=outputs,
    work=work,
)
