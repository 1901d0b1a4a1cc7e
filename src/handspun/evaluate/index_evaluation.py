"""What an index is worth to a model: whether it finds, how answers get better, and how much better text is predicted."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from handspun.evaluate.answers import score
from handspun.evaluate.arms import INDEX_ARMS, Arm, ArmBits
from handspun.evaluate.bootstrap import Difference
from handspun.evaluate.cited_answers import CitedAnswer, citation_score, gain
from handspun.evaluate.index_report import examples, shares_of
from handspun.evaluate.verdict import as_kept, in_words, verdict
from handspun.progress import OnProgress, unheard
from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.known_items import plain_items
from handspun.retrieve.ranking import Qrels, figures
from handspun.retrieve.searcher import MAX_QUERY_CHARACTERS, Searcher
from handspun.retrieve.source import document_id

N_CHUNKS = 100
"""Hits of a query; a document of which several are found counts once."""
N_KNOWN_ITEMS = 200
OTHERS: tuple[Arm, ...] = ("closed_book", "wrong_passage")


def judged_facts(
    searcher: Searcher, queries: Mapping[str, str], qrels: Qrels, on_progress: OnProgress = unheard
) -> dict[str, Any]:
    """nDCG, recall and reciprocal rank by judgments; a document counts once, where its first chunk was found."""
    judged = {document for judgments in qrels.values() for document in judgments}
    asked = {id: text for id, text in queries.items() if id in qrels}
    rankings = {
        id: documents_found(hits, judged) for id, hits in zip(asked, searches(searcher, list(asked.values()), on_progress))
    }
    return {"queries": len(rankings), "judged_by": "qrels", **rounded(figures(rankings, {id: qrels[id] for id in rankings}))}


def documents_found(hits: Sequence[Hit], judged: Container[str]) -> list[str]:
    """The documents of hits: as the judgments call them, PATH, PATH#ID or the ID alone."""
    sources = (hit.chunk.source for hit in hits)
    return list(dict.fromkeys(source if source in judged else document_id(source) for source in sources))


def known_item_facts(searcher: Searcher, pool: Sequence[Chunk], on_progress: OnProgress = unheard) -> dict[str, Any]:
    """The same by questions made of words of the index's own chunks, each of which is to be found again.

    Nothing where no chunk is long enough for that.
    """
    items = plain_items(pool, N_KNOWN_ITEMS)
    if not items:
        return {}
    found = searches(searcher, [item.query for item in items], on_progress)
    rankings = {str(number): [hit.chunk.id for hit in hits] for number, hits in enumerate(found)}
    qrels = {str(number): {item.chunk_id: 1} for number, item in enumerate(items)}
    return {"queries": len(items), "judged_by": "known items", **rounded(figures(rankings, qrels))}


def searches(searcher: Searcher, queries: Sequence[str], on_progress: OnProgress) -> Iterator[list[Hit]]:
    """What is found for each query, in their order."""
    for number, query in enumerate(queries, start=1):
        yield searcher.search(query[:MAX_QUERY_CHARACTERS], N_CHUNKS)
        on_progress(number, len(queries))


def answer_facts(answers: Sequence[CitedAnswer]) -> dict[str, Any]:
    """Exact match, F1 and abstentions in each arm, what exact match gains, and whether citations are right."""
    by_arm = {arm: [item for item in answers if item.arm == arm] for arm in INDEX_ARMS}
    scores = {arm: score([item.answered for item in group]) for arm, group in by_arm.items()}
    over: dict[Arm, Difference] = {arm: gain(answers, arm) for arm in OTHERS}
    return {
        "n_questions": len(by_arm["retrieved"]),
        **{
            share: {arm: round(getattr(one, share), 4) for arm, one in scores.items()}
            for share in ("exact_match", "f1", "abstained")
        },
        "citations": shares_of(citation_score(by_arm["retrieved"])),
        **gain_facts(over),
        "helps": f"In answers: {verdict(over['closed_book'], over['wrong_passage'])}. "
        + sentence("Exact match gains", over, scale=100, unit="points"),
        "cited": examples(by_arm["retrieved"]),
    }


def text_facts(measured: ArmBits, *, what: str) -> dict[str, Any]:
    """Bits per byte in each arm, and what retrieved passages save."""
    over: dict[Arm, Difference] = {arm: measured.gain(arm) for arm in OTHERS}
    return {
        "n_texts": len(measured.n_bytes),
        "n_bytes": int(measured.n_bytes.sum()),
        "bpb": {arm: round(measured.bpb(arm), 4) for arm in INDEX_ARMS},
        **gain_facts(over),
        "helps": f"{what}: {verdict(over['closed_book'], over['wrong_passage'])}. "
        + sentence("Retrieved passages save", over, scale=1, unit="bits per byte"),
    }


def gain_facts(over: Mapping[Arm, Difference]) -> dict[str, Any]:
    """The gains over the other arms, for scripts."""
    return {"gain": {arm: as_kept(one) for arm, one in over.items()}}


def sentence(what: str, over: Mapping[Arm, Difference], *, scale: float, unit: str) -> str:
    """By how much it is better than no passage, and than wrong ones."""
    none, wrong = (in_words(over[arm], scale=scale, unit=unit) for arm in OTHERS)
    return f"{what} {none} over no passage, and {wrong} over wrong ones."


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """To four decimals."""
    return {name: round(value, 4) for name, value in values.items()}
