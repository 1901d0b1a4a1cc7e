"""Moves an index to another store, and keeps the old one until searches in the new one find what they found before.

index.toml says which store is used, and is rewritten in one step at the end: whatever ends a move before that leaves the old
store in use, and what there is of the new one is removed by the next attempt.
"""

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

from handspun.errors import HandspunError, RetrieveError
from handspun.files import write_bytes
from handspun.progress import OnProgress, unheard
from handspun.retrieve.index import SETTINGS, Index, file_of_store, open_store
from handspun.retrieve.mirrored_store import MirroredStore
from handspun.retrieve.sqlite_store import SqliteStore
from handspun.retrieve.text_query import telling_words
from handspun.settings import to_toml

N_QUERIES, QUERY_WORDS, N_BEST = 100, 8, 10
"""chunks that are searched for in both, telling words of each, and hits that are compared"""
LOST_AT_MOST = 0.02
"""share of those chunks that the old store finds and the new one may not"""
LEAST_SAME_WORDS, LEAST_SAME_VECTORS = 0.5, 0.9
"""share of the old store's hits that must be among the new one's: engines cut and weigh words in their own ways"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the same queries fare in both stores."""

    found_before: float
    """share of the chunks that were looked for and are among the first ten"""
    found_after: float
    same: float
    """share of the first ten that stay among them"""


@dataclass(frozen=True, slots=True)
class Migration:
    """A move that was made."""

    store: str
    chunks: int
    words: Agreement
    vectors: Agreement | None
    """None where there is no embedder"""


def migrate(index: Index, store: str, on_progress: OnProgress = unheard) -> Migration:
    """Move an index and close it; the store it is in already is written anew. Raises RetrieveError where the check fails.

    Progress is counted in chunks that an engine was given; of a move to SQLite, which is one statement, nothing is told.
    """
    old = sqlite_based(index)
    with index.lock(), closing(old):
        if store == index.config.store:
            return rewritten(old, store, on_progress)
        path = file_of_store(index.folder, store)
        discard(index.folder, store)
        try:
            old.copy(path, has_words=store == "sqlite")
            with closing(sqlite_based(index, store)) as new:
                if isinstance(new, MirroredStore):
                    new.rewrite(on_progress)
                made = compared(old, new, store)
        except BaseException:
            discard(index.folder, store)
            raise
        settings = replace(index.settings, retrieve=replace(index.config, store=store))
        write_bytes(index.folder / SETTINGS, to_toml(settings).encode())
    discard(index.folder, index.config.store)
    return made


def sqlite_based(index: Index, store: str | None = None) -> SqliteStore:
    """The index's own store, or another one of it; all there are keep an SQLite file."""
    opened = index.store if store is None else open_store(index.folder, store)
    assert isinstance(opened, SqliteStore)
    return opened


def rewritten(store: SqliteStore, name: str, on_progress: OnProgress) -> Migration:
    """The words and vectors of an engine written anew, from the SQLite file beside it."""
    if not isinstance(store, MirroredStore):
        raise RetrieveError(f"the index is in {name} already; --to takes lancedb, or qdrant: with the URL of a server.")
    store.rewrite(on_progress)
    return compared(store, store, name)


def compared(old: SqliteStore, new: SqliteStore, store: str) -> Migration:
    """Both asked the same. Raises RetrieveError where the new one has less, or finds other things."""
    if faults := new.faults():
        raise RetrieveError(f"the index stays where it is, because {store} is not whole: {faults[0]}.")
    if (moved := new.counts().chunks) != (n_chunks := old.counts().chunks):
        raise RetrieveError(f"the index stays where it is, because {store} has {moved:,} of its {n_chunks:,} chunks.")
    ids = old.sample(N_QUERIES)
    words = checked_words(old, new, store, ids)
    vectors = checked_vectors(old, new, store, ids)
    return Migration(store, n_chunks, words, vectors)


def checked_words(old: SqliteStore, new: SqliteStore, store: str, ids: Sequence[str]) -> Agreement:
    """How searches by words agree. Raises RetrieveError where they do not."""
    queries = [query_of(chunk.text) for chunk in old.chunks(ids)]
    before, after = ([keys(one.search_text(query, N_BEST)) for query in queries] for one in (old, new))
    return refuse_another(agreement(ids, before, after), LEAST_SAME_WORDS, "words", store)


def checked_vectors(old: SqliteStore, new: SqliteStore, store: str, ids: Sequence[str]) -> Agreement | None:
    """How searches by vectors agree; None where there are none. Raises RetrieveError where they do not."""
    vectors = old.vectors(ids)
    if vectors is None:
        return None
    before, after = ([keys(one.search_vectors(vector, N_BEST)) for vector in vectors] for one in (old, new))
    return refuse_another(agreement(ids, before, after), LEAST_SAME_VECTORS, "vectors", store)


def refuse_another(found: Agreement, least_same: float, kind: str, store: str) -> Agreement:
    """Raises RetrieveError for a store that finds too little of what was found before."""
    if found.found_after < found.found_before - LOST_AT_MOST or found.same < least_same:
        raise RetrieveError(
            f"the index stays where it is, because {store} finds {found.found_after:.0%} of known chunks by their {kind} "
            f"(before: {found.found_before:.0%}), and {found.same:.0%} of the first ten there were (needed: {least_same:.0%})."
        )
    return found


def agreement(ids: Sequence[str], before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]) -> Agreement:
    """What the same searches, each for one of these chunks, found before and after."""
    known = [sum(key in found for key, found in zip(ids, answers)) / max(1, len(ids)) for answers in (before, after)]
    n_before = sum(map(len, before))
    n_same = sum(len({*old} & {*new}) for old, new in zip(before, after))
    return Agreement(known[0], known[1], n_same / n_before if n_before else 1.0)


def keys(found: Sequence[tuple[str, float]]) -> list[str]:
    """The ids of what was found."""
    return [key for key, _ in found]


def query_of(text: str) -> str:
    """Telling words in a row, out of the middle of a chunk."""
    words = telling_words(text)
    first = max(0, (len(words) - QUERY_WORDS) // 2)
    return " ".join(words[first : first + QUERY_WORDS])


def discard(folder: Path, name: str) -> None:
    """Remove a store that is not in use with all its files; what is on a server that does not answer stays there."""
    path = file_of_store(folder, name)
    if not path.is_file():
        return
    with suppress(HandspunError), closing(open_store(folder, name)) as store:
        if isinstance(store, MirroredStore):
            store.destroy()
    if path.parent != folder:
        rmtree(path.parent)
        return
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
