"""A trial on questions made by rule: what share of a score vectors get, and from which score on a chunk counts as found."""

import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from handspun.retrieve.chunk import Chunk
from handspun.retrieve.fusion import Candidate, scored
from handspun.retrieve.known_items import KnownItem, foreign_queries, hidden_items, in_turn, plain_items
from handspun.retrieve.ranking import ndcg
from handspun.retrieve.trial import OnRead, Trial

WEIGHTS = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5)
DEFAULT_WEIGHT = 0.2
DEFAULT_MIN_SCORE = 0.25
N_HIDDEN, N_PLAIN = 200, 100
"""questions of either kind (`known_items`)"""
LEAST_ITEMS = 50
"""With fewer questions than that the defaults hold: their answers would be chance."""
LEAST_NDCG = 0.1
"""Where less comes out, the questions are no good, and the defaults hold. Texts came to .27 to .5, rubbish to .01."""
MAX_CHUNKS = 4_000
"""that are searched in a trial; of more, some of every document"""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came out of a trial; without shares the weight and the score are the defaults."""

    weight: float
    min_score: float
    n_known_items: int = 0
    ndcg_words: float | None = None
    ndcg_fused: float | None = None
    share_found: float | None = None
    share_mistaken: float | None = None


def most_read(n_chunks: int) -> int:
    """Chunks and questions of a trial on so many chunks, at most."""
    return min(n_chunks, MAX_CHUNKS) + N_HIDDEN + 2 * N_PLAIN


def rehearse(chunks: Sequence[Chunk], asked: str, cache: Path | None, on_read: OnRead) -> Rehearsal:
    """Try `embedder = asked` on an index of chunks, some of them cut, in memory."""
    sample = [chunks[place] for place in in_turn(chunks, range(len(chunks)), MAX_CHUNKS, random.Random(0))]
    cut, items = hidden_items(sample, N_HIDDEN)
    default = Rehearsal(0.0 if asked == "none" else DEFAULT_WEIGHT, DEFAULT_MIN_SCORE)
    if len(items) < LEAST_ITEMS:
        return default
    with closing(Trial(cut, asked, cache, on_read)) as trial:
        found = [trial.candidates(item.query) for item in items]
        gains = np.array([[gain(candidates, item, weight) for weight in WEIGHTS] for candidates, item in zip(found, items)])
        weight = chosen_weight(gains) if trial.arms.embedder is not None else 0.0
        means = dict(zip(WEIGHTS, gains.mean(axis=0).tolist()))
        if max(means.values()) < LEAST_NDCG:
            return replace(default, n_known_items=len(items), ndcg_words=means[0.0], ndcg_fused=means[default.weight])
        plain = plain_items(cut, N_PLAIN)
        known = [best_score(candidates, weight) for candidates in found[:N_PLAIN]]
        known += [best_score(trial.candidates(item.query), weight) for item in plain]
        foreign = [best_score(trial.candidates(query), weight) for query in foreign_queries(plain)]
    min_score, share_found, share_mistaken = border(known, foreign)
    return Rehearsal(weight, min_score, len(items), means[0.0], means[weight], share_found, share_mistaken)


def gain(candidates: Sequence[Candidate], item: KnownItem, weight: float) -> float:
    """nDCG@10 of one question."""
    ranked = sorted(candidates, key=lambda candidate: -candidate.score(weight))
    return ndcg([candidate.chunk.id for candidate in ranked[:10]], {item.chunk_id: 1})


def chosen_weight(gains: Float64[np.ndarray, "Q W"]) -> float:
    """Of the weights that are not surely worse than the best, by more than two standard errors, the one nearest the default;
    none at all where vectors lower what words alone find.
    """
    means = gains.mean(axis=0)
    behind = gains[:, [int(means.argmax())]] - gains
    is_good = behind.mean(axis=0) <= 2 * behind.std(axis=0) / np.sqrt(len(gains))
    place = min(np.flatnonzero(is_good), key=lambda place: abs(WEIGHTS[place] - DEFAULT_WEIGHT))
    return WEIGHTS[place] if means[place] >= means[0] else 0.0


def best_score(candidates: Sequence[Candidate], weight: float) -> float:
    """The score of the first hit."""
    return next((hit.score for hit in scored(candidates, weight)), 0.0)


def border(known: Sequence[float], foreign: Sequence[float]) -> tuple[float, float, float]:
    """The score that tells the two apart best (Youden, 1950), and which share of either reaches it."""
    reached = [(share(known, score), share(foreign, score), score) for score in sorted({*known, *foreign})]
    found, mistaken, score = max(reached, key=lambda row: row[0] - row[1])
    return round(score, 4), found, mistaken


def share(scores: Sequence[float], least: float) -> float:
    """Of scores, the share that reaches one."""
    return sum(score >= least for score in scores) / len(scores)
