"""How much text a training reads, and how much there is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from handspun.corpus.config import CorpusConfig
from handspun.corpus.hub_name import is_hub_name
from handspun.corpus.reader_name import reader_path
from handspun.errors import DamagedFileError
from handspun.files import read_manifest
from handspun.recipe import Recipe
from handspun.runs import Run

PYTHON_BYTES = 2_700_000
"""The documentation in a Python installation."""
BYTES_PER_TOKEN, BYTES_PER_DOUBLING = 3.2, 0.33
"""Of English with a vocabulary of 4,096, and what each doubling of it adds: 4.4 with the 50,257 of GPT-2."""
PLAIN_SUFFIXES = (".txt", ".md", ".jsonl")
"""Files that are as large as their text."""


@dataclass(frozen=True)
class Share:
    """What a training reads of one source of a mixture."""

    source: str
    share: float
    wanted: int
    available: int | None

    @property
    def readings(self) -> float | None:
        """How often the source is read; None where nobody has counted it."""
        return self.wanted / self.available if self.available else None


@dataclass(frozen=True)
class Text:
    """Tokens that a training reads, and tokens that there are to read; None where nobody has counted."""

    wanted: int
    available: int | None
    is_read_once: bool
    shares: tuple[Share, ...] = ()
    """The same for each source, where they have weights."""

    @property
    def too_little(self) -> "Share | Text | None":
        """The text, or the source of a mixture, of which less is there than is read once; one read again is never too small."""
        parts = (self.shares or (self,)) if self.is_read_once else ()
        return next((part for part in parts if part.available is not None and part.wanted > part.available), None)

    @property
    def is_enough(self) -> bool:
        """Whether no text is known to be missing."""
        return self.too_little is None


def text_of(recipe: Recipe, run: Run | None) -> Text:
    """The text of a recipe, counted in the shards of its run, or estimated from the files that it names."""
    superposition, wanted = recipe.train.superposition, recipe.train.text_tokens
    is_read_once = superposition is not None and superposition.kind == "both"
    counted = tokens_in_shards(run, recipe.corpus) if run else None
    available = counted or [tokens_in_sources(recipe, sources) for sources in sets_of(recipe.corpus)]
    known = [n_tokens for n_tokens in available if n_tokens is not None]
    return Text(
        wanted=wanted,
        available=sum(known) if len(known) == len(available) else None,
        is_read_once=is_read_once,
        shares=shares_of(recipe.corpus, wanted, available) if recipe.corpus.weights else (),
    )


def shares_of(corpus: CorpusConfig, wanted: int, available: Sequence[int | None]) -> tuple[Share, ...]:
    """What is read of each source of a mixture."""
    shares = [part / sum(corpus.parts) for part in corpus.parts]
    each = zip(corpus.sources, shares, available)
    return tuple(Share(source, share, round(wanted * share), n_tokens) for source, share, n_tokens in each)


def sets_of(corpus: CorpusConfig) -> list[tuple[str, ...]]:
    """The sources that are read as one text: each alone in a mixture, else all together."""
    return [(source,) for source in corpus.sources] if corpus.weights else [corpus.sources]


def tokens_in_shards(run: Run, corpus: CorpusConfig) -> list[int] | None:
    """The tokens that the run has made of each text; None where it has not yet."""
    try:
        return [read_manifest(run.tokens / name)["n_tokens"] for name in corpus.text_names]
    except (DamagedFileError, KeyError):
        return None


def tokens_in_sources(recipe: Recipe, sources: Sequence[str]) -> int | None:
    """An estimate from what is to be read of the hub, and the sizes of files; None where one is compressed, or not there."""
    sizes = [source_bytes(source, recipe.corpus) for source in sources]
    known = [size for size in sizes if size is not None]
    per_token = bytes_per_token(recipe.tokens.vocab_size)
    return round(sum(known) * (1 - recipe.corpus.val_share) / per_token) if len(known) == len(sizes) else None


def bytes_per_token(vocab_size: int) -> float:
    """Bytes of English that a token of a vocabulary stands for, on average."""
    return max(1, BYTES_PER_TOKEN + BYTES_PER_DOUBLING * math.log2(vocab_size / 4096))


def source_bytes(source: str, corpus: CorpusConfig) -> int | None:
    """The bytes of text that are read of a source, where the recipe or its size on disk tells."""
    limit = corpus.byte_limit(source)
    if is_hub_name(source):
        return limit
    there = PYTHON_BYTES if source == "python" else size_on_disk(reader_path(source))
    return there if there is None or limit is None else min(there, limit)


def size_on_disk(path: Path) -> int | None:
    """The bytes of a file or of all files in a folder; None where they are not plain text."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    if not all(file.is_file() and file.name.endswith(PLAIN_SUFFIXES) for file in files):
        return None
    return sum(file.stat().st_size for file in files)
