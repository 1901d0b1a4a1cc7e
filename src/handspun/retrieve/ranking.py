"""How good rankings are, by judgments of which documents are relevant to which query (TREC's qrels).

nDCG as Järvelin and Kekäläinen (2002) with linear gains, so that figures compare with trec_eval's.
"""

import math
from collections.abc import Mapping, Sequence

Judgments = Mapping[str, int]
"""How relevant each judged document is to one query; 0 or absent: not at all."""
Qrels = Mapping[str, Judgments]
Rankings = Mapping[str, Sequence[str]]
"""The documents found for each query, best first."""


def ndcg(ranking: Sequence[str], judgments: Judgments, k: int = 10) -> float:
    """Discounted gain of the first `k`, over that of the best order there is."""
    best = discounted(sorted(judgments.values(), reverse=True)[:k])
    return discounted([judgments.get(document, 0) for document in ranking[:k]]) / best if best else 0.0


def discounted(gains: Sequence[int]) -> float:
    """The sum of gains, each divided by the binary logarithm of its rank plus one."""
    return sum(max(gain, 0) / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def recall(ranking: Sequence[str], judgments: Judgments, k: int) -> float:
    """The share of all relevant documents that are among the first `k`."""
    relevant = {document for document, grade in judgments.items() if grade > 0}
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], judgments: Judgments) -> float:
    """One over the rank of the first relevant document; 0 where there is none."""
    ranks = (rank for rank, document in enumerate(ranking, start=1) if judgments.get(document, 0) > 0)
    return 1 / next(ranks, math.inf)


def figures(rankings: Rankings, qrels: Qrels) -> dict[str, float]:
    """The means over all judged queries; one that found nothing counts as zero."""
    judged = {query: judgments for query, judgments in qrels.items() if any(grade > 0 for grade in judgments.values())}
    rows = [(rankings.get(query, ()), judgments) for query, judgments in judged.items()]
    measures = {
        "ndcg_at_10": lambda ranking, judgments: ndcg(ranking, judgments, 10),
        "recall_at_10": lambda ranking, judgments: recall(ranking, judgments, 10),
        "recall_at_100": lambda ranking, judgments: recall(ranking, judgments, 100),
        "mrr": reciprocal_rank,
    }
    return {name: sum(measure(*row) for row in rows) / max(1, len(rows)) for name, measure in measures.items()}
