"""The stage that makes the run's own text, or what `retrieve.sources` names, something to be searched and cited."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from handspun.corpus.document import Document
from handspun.corpus.python_objects import folded
from handspun.corpus.records import read_documents
from handspun.files import durable_writer, sha256
from handspun.retrieve.index import SETTINGS, Index
from handspun.retrieve.ingest import SyncReport, sync
from handspun.retrieve.tuning import tune
from handspun.stages.curate import source_hash, text_hashes
from handspun.stages.stage import Stage, Workshop
from handspun.stages.tokenize import tokenizer_folder
from handspun.tokens.tokenizer import Tokenizer

TEXTS = ("train.jsonl", "val.jsonl")
UNFOLDED = ("topic", "comment")
"""Kinds of Python's documentation whose lines are as they should be."""


def inputs(workshop: Workshop) -> Mapping[str, str]:
    """What is indexed, and the vocabulary that its tokens are counted with."""
    assert workshop.recipe.retrieve is not None
    named = workshop.recipe.retrieve.sources
    texts = {source: source_hash(source, "retrieve.sources") for source in named} or text_hashes(workshop.run, *TEXTS)
    return {**texts, "tokenizer": sha256(tokenizer_folder(workshop.run) / "tokenizer.json")}


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:  # noqa: ARG001
    """Index, and say what came of it."""
    recipe, run = workshop.recipe, workshop.run
    assert recipe.retrieve is not None
    tokenizer = Tokenizer.load(tokenizer_folder(run))
    own = run.index / "text"
    roots = [Path(source).expanduser() for source in recipe.retrieve.sources] or [own]
    with closing(Index.create(run.index, recipe.retrieve, roots, run=str(run.path), tokenizer=tokenizer)) as index:
        if not recipe.retrieve.sources:
            write_own_text(chain.from_iterable(read_documents(run.corpus / name) for name in TEXTS), own)
        with workshop.reporter.progress("index", "bytes") as progress:
            report = sync(index, progress)
        with workshop.reporter.progress("tune the index", "texts") as progress:
            tune(index, progress)
    for path, reason in report.failed:
        workshop.reporter.say(f"index: {path} is not in it: {reason}")
    for path, reason in report.in_part:
        workshop.reporter.say(f"index: not all of {path} is in it: {reason}")
    return facts(report)


def write_own_text(documents: Iterable[Document], folder: Path) -> None:
    """The documents as one JSONL file for each source of the corpus, named after it."""
    by_source: dict[str, list[Document]] = {}
    for document in documents:
        by_source.setdefault(document.source, []).append(document)
    for name, (_, own) in zip(file_names(by_source), by_source.items()):
        with durable_writer(folder / name) as file:
            file.writelines(json.dumps(record_of(document), ensure_ascii=False).encode() + b"\n" for document in own)


def file_names(sources: Iterable[str]) -> Iterator[str]:
    """A name for each source's file, no two alike: python.jsonl, notes.jsonl, notes-2.jsonl."""
    taken: dict[str, int] = {}
    for source in sources:
        name = Path(source).name.split(".")[0] or "text"
        taken[name] = taken.get(name, 0) + 1
        yield f"{name}.jsonl" if taken[name] == 1 else f"{name}-{taken[name]}.jsonl"


def record_of(document: Document) -> dict[str, Any]:
    """A document as it is indexed: under its own name, and with what its metadata says."""
    return {**document.metadata, "id": document.id, "text": passage_text(document)}


def passage_text(document: Document) -> str:
    """Its text as a model has learnt to read it: Python's docstrings are one line below their heading."""
    if document.source != "python" or document.metadata.get("kind") in UNFOLDED:
        return document.text
    heading, _, body = document.text.partition("\n")
    return f"{heading}\n{folded(body)}"


def facts(report: SyncReport) -> dict[str, Any]:
    """What is worth keeping of a sync."""
    return {"files": report.files, "chunks": report.chunks, "failed": len(report.failed)}


INDEX = Stage(
    name="index",
    tables=["retrieve"],
    rooms=["tokens", "retrieve"],
    inputs=inputs,
    outputs=lambda workshop: [workshop.run.index, workshop.run.index / SETTINGS],
    work=work,
    is_asked_for=lambda recipe: recipe.retrieve is not None,
)
