"""How much of a question a text says: its telling words, of which those that fewer texts have count more."""

import math
from collections import Counter
from collections.abc import Sequence

from handspun.retrieve.chunk import Hit
from handspun.retrieve.lexicon import stems


def rarity(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """How much each telling word of the question counts, by the share of the hits that have it (inverse document frequency)."""
    n_with = Counter(stem for hit in hits for stem in set(stems(hit.chunk.searched_text)))
    return {stem: math.log(1 + (len(hits) + 0.5) / (n_with[stem] + 0.5)) for stem in stems(question)}


def share_said(text: str, weights: dict[str, float]) -> float:
    """How much of a question a text says, from 0 to 1."""
    said = set(stems(text))
    return sum(weight for stem, weight in weights.items() if stem in said) / (sum(weights.values()) or 1.0)
