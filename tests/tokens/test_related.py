from collections.abc import Sequence
from itertools import pairwise

from handspun.tokens.related import Nearest, related_order

TOPICS = ["tea pot leaf cup", "ship sail wind mast", "bread oven flour crust"]
TEXTS = [f"{topic} number {number}" for number in range(5) for topic in TOPICS]


def nearest_among(texts: Sequence[str]) -> Nearest:
    """By the words in common."""

    def nearest(query: str, k: int) -> list[int]:
        words = set(query.split())
        return sorted(range(len(texts)), key=lambda place: -len(words & set(texts[place].split())))[:k]

    return nearest


def changes_of_topic(order: Sequence[int]) -> int:
    """How often a text is followed by one about something else."""
    return sum(first % len(TOPICS) != second % len(TOPICS) for first, second in pairwise(order))


def test_related_texts_follow_each_other_and_none_is_lost() -> None:
    order = related_order(TEXTS, 1.0, nearest_among)
    assert sorted(order) == list(range(len(TEXTS)))
    assert changes_of_topic(order) == len(TOPICS) - 1
    assert changes_of_topic(range(len(TEXTS))) == len(TEXTS) - 1


def test_without_a_share_the_order_stays_as_it_was() -> None:
    assert related_order(TEXTS, 0.0, nearest_among) == list(range(len(TEXTS)))
    assert related_order([], 1.0, nearest_among) == []


def test_a_share_of_the_texts_is_moved_and_the_others_keep_their_order() -> None:
    texts = [f"{text} again {number}" for number in range(20) for text in TEXTS]
    asked: list[int] = []

    def counting(chosen: Sequence[str]) -> Nearest:
        asked.append(len(chosen))
        return nearest_among(chosen)

    order = related_order(texts, 0.3, counting)
    assert 0.2 < asked[0] / len(texts) < 0.4
    assert order[asked[0] :] == sorted(order[asked[0] :])
    assert related_order(texts, 0.3, nearest_among) == order


def test_where_nothing_related_is_left_the_next_chain_begins() -> None:
    assert related_order(TEXTS[:4], 1.0, lambda _: lambda _query, _k: []) == [0, 1, 2, 3]
