"""What two texts have in common, word for word."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from handspun.retrieve.words import Word

CLOSING = frozenset(".,;:!?)]}”’»。、")
"""marks that belong to what stands before them"""


@dataclass(frozen=True, slots=True)
class Span:
    """Words `first` up to `last` of an answer, which stand in a passage, too, from its word `there` on."""

    first: int
    last: int
    there: int

    @property
    def words(self) -> range:
        """The numbers of its words in the answer."""
        return range(self.first, self.last)

    def among(self, free: Collection[int]) -> "Span | None":
        """Its first stretch of words that are free; None where there is none."""
        first = next((place for place in self.words if place in free), None)
        if first is None:
            return None
        last = next((place for place in range(first, self.last) if place not in free), self.last)
        return Span(first, last, self.there + first - self.first)


def common_spans(said: Sequence[Word], there: Sequence[Word]) -> Iterator[Span]:
    """Every span that can be lengthened on neither side, without the marks it begins with that belong to what was before."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(there):
        places[word.form].append(place)
    for first, word in enumerate(said):
        for place in places.get(word.form, ()):
            if not (first and place and said[first - 1].form == there[place - 1].form):
                n_words = common_length(said, first, there, place)
                n_closing = next((n for n in range(n_words) if said[first + n].form not in CLOSING), n_words)
                yield Span(first + n_closing, first + n_words, place + n_closing)


def common_length(said: Sequence[Word], first: int, there: Sequence[Word], place: int) -> int:
    """How many words are alike from the one of these places on and from the other."""
    most = min(len(said) - first, len(there) - place)
    return next((n for n in range(most) if said[first + n].form != there[place + n].form), most)
