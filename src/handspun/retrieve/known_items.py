"""Questions made by rule whose answers are known: what an index is tuned on where nobody has judged anything.

A stretch of a chunk's words is taken, and half of them make the question. In a *hidden* item the stretch is cut out of the
chunk first: then neither arm can find it by the very words, as with a question that says things in words of its own. Whatever
is learnt from the texts must be learnt from the cut ones, or it knows the stretch by heart (LSA's nDCG: .90 instead of .49).
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from handspun.retrieve.chunk import Chunk
from handspun.retrieve.text_query import WORD, telling_words

STRETCH_WORDS = 12
"""telling words that a question is made of, before half of them are left out"""
LEAST_WORDS = 3 * STRETCH_WORDS
"""telling words of a chunk that is asked for, so that enough is left of it"""
LEAST_VARIETY = 0.25
"""of them that are different: what says one word over and over is no text that anybody asks about"""
MOST_OF_ONE = 10
"""questions about one document, unless there are so few that each must give more"""


@dataclass(frozen=True, slots=True)
class KnownItem:
    """A question, and the chunk that it is about."""

    query: str
    chunk_id: str


def hidden_items(chunks: Sequence[Chunk], n_items: int, seed: int = 0) -> tuple[list[Chunk], list[KnownItem]]:
    """The chunks, some of them with a stretch cut out, and the questions made of those stretches."""
    chance, items, cut = random.Random(seed), list[KnownItem](), list(chunks)
    for place in picked(chunks, n_items, chance):
        start, end = stretch(chunks[place].text, chance)
        text = chunks[place].text
        cut[place] = replace(chunks[place], text=text[:start] + text[end:])
        items.append(KnownItem(question(text[start:end], chance), cut[place].id))
    return cut, items


def plain_items(chunks: Sequence[Chunk], n_items: int, seed: int = 0) -> list[KnownItem]:
    """Questions about chunks that still hold what they are made of."""
    chance = random.Random(seed)
    texts = [chunks[place] for place in picked(chunks, n_items, chance)]
    return [KnownItem(question(chunk.text[slice(*stretch(chunk.text, chance))], chance), chunk.id) for chunk in texts]


def foreign_queries(items: Sequence[KnownItem], seed: int = 0) -> list[str]:
    """As many questions that no chunk answers: the words of all the others, dealt out anew."""
    words = [word for item in items for word in item.query.split()]
    random.Random(seed).shuffle(words)
    borders = [0]
    for item in items:
        borders.append(borders[-1] + len(item.query.split()))
    return [" ".join(words[start:end]) for start, end in pairwise(borders)]


def picked(chunks: Sequence[Chunk], n_items: int, chance: random.Random) -> list[int]:
    """The places of chunks that can be asked for, no document giving much more than its share: one may be rubbish."""
    places = [place for place, chunk in enumerate(chunks) if can_be_asked_for(chunk.text)]
    n_documents = len({chunks[place].source for place in places})
    most = max(MOST_OF_ONE, math.ceil(n_items / max(1, n_documents)))
    return in_turn(chunks, places, n_items, chance, most)


def in_turn(
    chunks: Sequence[Chunk], places: Sequence[int], n: int, chance: random.Random, most: int | None = None
) -> list[int]:
    """Of places `n` by chance: one of each document, then a second of each, and so on, but at most `most` of any."""
    turns, drawn = Counter[str](), list[tuple[int, int]]()
    for place in chance.sample(places, len(places)):
        drawn.append((turns[chunks[place].source], place))
        turns[chunks[place].source] += 1
    drawn.sort(key=lambda turn_and_place: turn_and_place[0])
    return sorted(place for turn, place in drawn[:n] if most is None or turn < most)


def can_be_asked_for(text: str) -> bool:
    """Whether a text is long enough, and has words of letters that differ."""
    words = [word.lower() for word in telling_words(text) if word.isalpha()]
    return len(words) >= LEAST_WORDS and len(set(words)) >= LEAST_VARIETY * len(words)


def stretch(text: str, chance: random.Random) -> tuple[int, int]:
    """The first and the last character of a stretch with about STRETCH_WORDS telling words."""
    words = list(WORD.finditer(text))
    n_words = min(len(words), round(STRETCH_WORDS * len(words) / max(1, len(telling_words(text)))))
    start = chance.randrange(len(words) - n_words + 1)
    return words[start].start(), words[start + n_words - 1].end()


def question(stretch: str, chance: random.Random) -> str:
    """Half of the telling words of a stretch, in their order."""
    words = telling_words(stretch)
    kept = set(chance.sample(range(len(words)), (len(words) + 1) // 2))
    return " ".join(word for place, word in enumerate(words) if place in kept)
