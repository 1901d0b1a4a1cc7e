"""The stage that learns a vocabulary and writes the corpus as token shards."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from handspun.corpus.config import CorpusConfig
from handspun.corpus.document import Document
from handspun.corpus.pipeline import read_conversations, read_documents
from handspun.errors import CorpusError
from handspun.runs import Run
from handspun.stages.curate import text_hashes
from handspun.stages.finding import find_among
from handspun.stages.stage import Stage, Workshop
from handspun.tokens.related import related_order
from handspun.tokens.shards import ShardSet, write_conversations, write_documents
from handspun.tokens.tokenizer import Tokenizer

TEXTS = ("train.jsonl", "val.jsonl", "train_conversations.jsonl")


def tokenizer_folder(run: Run) -> Path:
    """Where the vocabulary lies."""
    return run.tokens / "tokenizer"


def text_shards(run: Run, corpus: CorpusConfig) -> list[ShardSet]:
    """The training text, in the order of `corpus.parts`."""
    return [ShardSet(run.tokens / name) for name in corpus.text_names]


def held_out_shards(run: Run) -> ShardSet:
    """The held-out text."""
    return ShardSet(run.tokens / "val")


def chat_shards(run: Run) -> ShardSet:
    """The training conversations."""
    return ShardSet(run.tokens / "conversations")


def outputs(workshop: Workshop) -> list[Path]:
    """The vocabulary, and a set of shards for each text there is."""
    run, corpus = workshop.run, workshop.recipe.corpus
    sets = {**dict.fromkeys(corpus.text_names, True), "val": corpus.val_share > 0, "conversations": bool(corpus.conversations)}
    return [run.tokens, tokenizer_folder(run), *(run.tokens / name for name, is_made in sets.items() if is_made)]


def inputs(workshop: Workshop) -> Mapping[str, str]:
    """The hashes of the curated texts, and whether each source is kept apart."""
    corpus = workshop.recipe.corpus
    apart = {"sources apart": json.dumps(corpus.sources)} if corpus.weights else {}
    return {**text_hashes(workshop.run, *TEXTS), **apart}


def sampled_by_weight(documents: Iterable[Document], corpus: CorpusConfig, limit_bytes: int) -> Iterator[str]:
    """Texts to learn a vocabulary from: of each source its share of `limit_bytes`, from its beginning."""
    left = {source: limit_bytes * part // sum(corpus.parts) for source, part in zip(corpus.sources, corpus.parts)}
    for document in documents:
        if left[document.source] > 0:
            left[document.source] -= len(document.text.encode(errors="replace"))
            yield document.text
        elif max(left.values()) <= 0:
            return


def documents_by_set(documents: Iterable[Document], corpus: CorpusConfig) -> Iterator[tuple[str, Iterator[Document]]]:
    """The training documents set by set; curation leaves them in the order of their sources. Raises CorpusError."""
    if not corpus.weights:
        yield "train", iter(documents)
        return
    names, missing = dict(zip(corpus.sources, corpus.text_names)), list(corpus.sources)
    for source, group in groupby(documents, key=attrgetter("source")):
        missing.remove(source)
        yield names[source], group
    if missing:
        raise CorpusError(f'no text of "{missing[0]}" is left to train on: leave it out of corpus.sources and corpus.weights.')


def vocabulary(workshop: Workshop, train: Path) -> Tokenizer:
    """GPT-2's where the recipe names its files, else one learnt from the training text."""
    config, corpus = workshop.recipe.tokens, workshop.recipe.corpus
    if config.gpt2_folder is not None:
        return Tokenizer.from_gpt2(Path(config.gpt2_folder).expanduser())
    with workshop.reporter.progress("learn the vocabulary", "bytes") as progress:
        documents = read_documents(train)
        if corpus.weights:
            texts = sampled_by_weight(documents, corpus, config.sample_mib * 2**20)
        else:
            texts = (document.text for document in documents)
        return Tokenizer.train(texts, config, progress)


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:  # noqa: ARG001
    """Learn the vocabulary, then encode all of the corpus with it."""
    recipe, run = workshop.recipe, workshop.run
    train, val = run.corpus / "train.jsonl", run.corpus / "val.jsonl"
    tokenizer = vocabulary(workshop, train)
    tokenizer.save(tokenizer_folder(run))
    sets = chain(documents_by_set(read_documents(train), recipe.corpus), [("val", read_documents(val))])
    facts: dict[str, Any] = {"vocab_size": tokenizer.vocab_size}
    for name, documents in sets:
        if name == "val" and not val.stat().st_size:
            continue
        if name != "val" and recipe.tokens.related_share:
            documents = related(documents, recipe.tokens.related_share)
        with workshop.reporter.progress(f"tokenize {name}", "bytes") as progress:
            shards = write_documents(documents, tokenizer, run.tokens / name, on_progress=progress)
        facts[name] = counts(shards)
    if recipe.corpus.conversations:
        with workshop.reporter.progress("tokenize conversations", "bytes") as progress:
            source = read_conversations(run.corpus / "train_conversations.jsonl")
            shards = write_conversations(source, tokenizer, run.tokens / "conversations", on_progress=progress)
        facts["conversations"] = counts(shards)
    return facts


def related(documents: Iterable[Document], share: float) -> Iterator[Document]:
    """A share of the documents next to what is related to them, then the others. All of them are held in memory."""
    everything = list(documents)
    order = related_order([document.text for document in everything], share, find_among)
    return (everything[place] for place in order)


def counts(shards: ShardSet) -> dict[str, int]:
    """How much there is in a set."""
    return {"tokens": shards.n_tokens, "bytes": shards.n_bytes, "documents": len(shards)}


TOKENIZE = Stage(name="tokenize", tables=["tokens"], rooms=["tokens"], inputs=inputs, outputs=outputs, work=work)
