"""Documents in an order in which related ones follow each other, so that a sequence holds text about one thing.

A model that is trained on such sequences finds that what it read a few documents ago helps, and learns to look there
(in-context pretraining, Shi 2023).
"""

from collections.abc import Callable, Sequence

from handspun.corpus.split import stable_fraction

Nearest = Callable[[str, int], Sequence[int]]
"""The places of the texts that fit a query best, the best first; the text that it was taken from may be among them."""
NearestAmong = Callable[[Sequence[str]], Nearest]

N_NEAREST = 8
"""that are looked at for one that was not taken yet"""
QUERY_WORDS = 32
"""from the beginning of a document, by which its neighbors are looked up"""


def related_order(texts: Sequence[str], share: float, nearest_among: NearestAmong) -> list[int]:
    """The places of all texts in a new order: a share of them, chosen by hash, in chains, and then the others as they were.

    In a chain each text is followed by the nearest that is left; where none of its neighbors is, another chain begins.
    """
    chosen = [place for place, text in enumerate(texts) if stable_fraction(f"related:{text}") < share]
    nearest = nearest_among([texts[place] for place in chosen])
    left = dict.fromkeys(range(len(chosen)))
    order: list[int] = []
    place = next(iter(left), None)
    while place is not None:
        del left[place]
        order.append(chosen[place])
        query = " ".join(texts[chosen[place]].split()[:QUERY_WORDS])
        place = next((near for near in nearest(query, N_NEAREST) if near in left), next(iter(left), None))
    taken = set(order)
    return [*order, *(place for place in range(len(texts)) if place not in taken)]
