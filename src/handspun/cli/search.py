"""handspun search: what an index holds on a question."""

import json as json_format
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handspun.cli import terminal
from handspun.cli.hit_text import folded, hit_json, place_of
from handspun.cli.progress import Progress
from handspun.cli.safe_text import printable
from handspun.errors import RetrieveError

if TYPE_CHECKING:
    from handspun.retrieve.chunk import Hit
    from handspun.retrieve.searcher import Searcher

SNIPPET_CHARACTERS = 240
TAG = "handspun"
CHUNKS_PER_DOCUMENT = 4
"""are looked at where documents are to be listed"""


def search(
    name: str,
    *query: str,
    k: int = 10,
    filter: tuple[str, ...] = (),
    queries: Path | None = None,
    json: bool = False,
) -> None:
    """List the chunks of an index that fit a query best.

    Parameters
    ----------
    name
        The name of an index in indexes/, or its folder.
    query
        A question, or words to look for, in quotes or without.
    k
        Hits at most; with `queries`, documents for each.
    filter
        KEY=VALUE that the metadata of a hit must have; source=guide/ takes what begins so, source=*.md what looks so.
    queries
        A JSONL file, {"id", "text"} a line: all are searched, and stdout gets TREC rows, QUERY Q0 DOCUMENT RANK SCORE handspun,
        one for each document found; a record of a JSONL file goes by its own id.
    json
        Print one JSON object: query, and hits with chunk_id, source, score, start, end, text, heading, page.
    """
    from handspun.retrieve.index import Index
    from handspun.retrieve.no_hits import cause, without_match
    from handspun.retrieve.searcher import Searcher

    words = " ".join(query)
    if bool(query) == (queries is not None):
        raise RetrieveError("search needs a query or --queries FILE.jsonl, one of the two.")
    if query and not words.strip():
        raise RetrieveError("the query is empty: write what to look for.")
    if k < 1:
        raise RetrieveError(f"--k {k}: ask for at least 1 hit.")
    filters = dict(parsed(text) for text in filter)
    with closing(Index.open(name)) as index:
        searcher = Searcher(index)
        if queries is not None:
            if filters and not index.store.n_passing(filters):
                terminal.say(f"nothing can be found: {printable(without_match(index.store, filters))}")
            write_rows(searcher, queries, k, filters)
        else:
            hits = searcher.search(words, k, filters)
            if not hits:
                terminal.say(f"nothing found: {printable(cause(index.store, words, filters))}")
            show(words, hits, searcher.min_score, json=json)


def parsed(text: str) -> tuple[str, Any]:
    """A filter's key and value; numbers, true and false are what they look like. Raises RetrieveError."""
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise RetrieveError(f"--filter {text}: write KEY=VALUE.")
    if key == "source":
        return key, value
    try:
        return key, json_format.loads(value)
    except ValueError:
        return key, value


def write_rows(searcher: "Searcher", queries: Path, k: int, filters: dict[str, Any]) -> None:
    """Search for every query of a file, for `k` documents each: a document stands at the rank of its best chunk."""
    from handspun.evaluate.exam import read_queries
    from handspun.retrieve.source import document_id

    asked = read_queries(queries)
    with Progress("search", unit="queries") as progress:
        for done, (id, text) in enumerate(asked.items()):
            progress(done, len(asked))
            best: dict[str, float] = {}
            for hit in searcher.search(text, CHUNKS_PER_DOCUMENT * k, filters):
                best.setdefault(without_space(document_id(hit.chunk.source)), hit.score)
            for rank, (document, score) in enumerate(list(best.items())[:k], start=1):
                terminal.write_line(f"{without_space(id)} Q0 {document} {rank} {score:.6f} {TAG}")


def without_space(text: str) -> str:
    """A field of a TREC row, which white space would end."""
    return "_".join(text.split()) or "_"


def show(query: str, hits: "list[Hit]", min_score: float, *, json: bool) -> None:
    """The hits of one query."""
    if json:
        terminal.write_json({"query": query, "min_score": min_score, "hits": [hit_json(hit) for hit in hits]})
        return
    if hits and hits[0].score < min_score:
        terminal.say(f"nothing counts as found (scores below {min_score:.2f}); the nearest:")
    for rank, hit in enumerate(hits, start=1):
        terminal.write_line(f"{rank:>2}  {hit.score:.3f}  {printable(place_of(hit.chunk))}")
        terminal.marked(marks(printable(snippet(hit.chunk.text, query)), query))
        terminal.write_line()


def snippet(text: str, query: str) -> str:
    """A stretch of a text, on one line, that begins a little before the first word of the query."""
    line = folded(text)
    first = next((start for start, _ in marked_spans(line, query)), 0)
    start = max(0, min(first - SNIPPET_CHARACTERS // 4, len(line) - SNIPPET_CHARACTERS))
    start = line.find(" ", start) + 1 if start else 0
    cut = line[start : start + SNIPPET_CHARACTERS]
    return f"{'…' if start else ''}{cut}{'…' if start + len(cut) < len(line) else ''}"


def marks(text: str, query: str) -> Iterator[tuple[str, bool]]:
    """The parts of a text, and whether each is a word of the query."""
    done = 0
    for start, end in marked_spans(text, query):
        yield from ((text[done:start], False), (text[start:end], True))
        done = end
    yield text[done:], False


def marked_spans(text: str, query: str) -> Iterator[tuple[int, int]]:
    """Where words of the query stand, whatever their endings."""
    from handspun.retrieve.lexicon import stems
    from handspun.retrieve.stem import stem

    wanted = set(stems(query))
    return (word.span() for word in re.finditer(r"[^\W_]+", text) if stem(word.group().lower()) in wanted)
