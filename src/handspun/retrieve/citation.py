"""Citations that the system makes: what an answer repeats, word for word, of the stored text behind its passages."""

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from handspun.retrieve.chunk import Chunk
from handspun.retrieve.passages import Sent
from handspun.retrieve.provenance import Copied
from handspun.retrieve.sentences import sentences
from handspun.retrieve.spans import Span, common_spans
from handspun.retrieve.store import Store
from handspun.retrieve.words import Word, forms, words

MIN_TELLING_WORDS = 3
"""that a span must have to be no coincidence, where nothing says that it was copied and it is not all that is said"""


@dataclass(frozen=True, slots=True)
class Citation:
    """Characters `start` to `end` of a stored document, which the answer repeats from `answer_start` to `answer_end`."""

    source: str
    start: int
    end: int
    quote: str
    """what stands there; white space and letter case aside it is what the answer says"""
    verified: bool
    heading: str
    page: int | None
    chunk_id: str
    answer_start: int
    answer_end: int


class Citer:
    """Finds what an answer to `question` repeats of the passages that were sent, and checks it in the store."""

    def __init__(self, question: str, answer: str, sent: Sequence[Sent], store: Store) -> None:
        self.answer, self.sent, self.store = answer, sent, store
        self.said = words(answer)
        self.there = [words(one.text) for one in sent]
        self.asked = frozenset(forms(question))
        self.sentences = [
            {place for place, word in enumerate(self.said) if start <= word.start < end} for start, end in sentences(answer)
        ]

    def new_claims(self, sentence: Set[int]) -> set[int]:
        """The words of a sentence that say something which the question has not said."""
        said = {place: self.said[place] for place in sentence}
        return {place for place, word in said.items() if (word.is_telling or word.is_negation) and word.form not in self.asked}

    def claims(self, sentence: Set[int]) -> Set[int]:
        """What must be cited of a sentence for it to be cited whole: what is new, or else what tells, or else its words."""
        telling = {place for place in sentence if self.said[place].is_telling}
        return self.new_claims(sentence) or telling or {place for place in sentence if self.said[place].is_word}

    def citations(self, copied: Sequence[Copied] = ()) -> tuple[Citation, ...]:
        """What was copied first, then the longest; no two citations of the same words. In the order of the answer."""
        cited: list[Citation] = []
        free = set(range(len(self.said)))
        for span, number, n_copied in self.candidates(copied):
            part = span.among(free)
            if part and self.is_telling(part, is_copied=n_copied > 0):
                citation = self.verified(part, number)
                cited += [citation] if citation else []
                free -= set(part.words) if citation else set()
        return tuple(sorted(cited, key=lambda citation: citation.answer_start))

    def candidates(self, copied: Sequence[Copied]) -> list[tuple[Span, int, int]]:
        """All that the answer and a passage have in common, the passage's number, and how often it was copied from there."""
        anchors = Counter(self.anchors(copied))
        found = [
            (span, number, sum(anchors[number, place, span.there + place - span.first] for place in span.words))
            for number, there in enumerate(self.there)
            for span in common_spans(self.said, there)
        ]
        return sorted(found, key=lambda one: (-one[2], -len(one[0].words), one[1]))

    def anchors(self, copied: Sequence[Copied]) -> Iterator[tuple[int, int, int]]:
        """Of each character that was copied: the number of the passage, the word of the answer, and that of the passage."""
        for one in copied:
            said, there = word_at(self.said, one.at), word_at(self.there[one.passage], one.source_at)
            if said is not None and there is not None:
                yield one.passage, said, there

    def is_telling(self, span: Span, *, is_copied: bool) -> bool:
        """Whether it says enough to be cited: a copied word; otherwise a few words, or all that its sentence claims."""
        places = set(span.words)
        n_telling = sum(self.said[place].is_telling for place in places)
        is_whole = self.claims(next(sentence for sentence in self.sentences if span.first in sentence)) <= places
        if is_copied:
            return n_telling > 0 or is_whole
        return n_telling >= MIN_TELLING_WORDS or (n_telling > 0 and is_whole)

    def verified(self, span: Span, number: int) -> Citation | None:
        """The citation of a span, if the stored document still says there what the answer says."""
        sent, there = self.sent[number], self.there[number]
        start = sent.start + there[span.there].start
        end = sent.start + there[span.there + span.last - span.first - 1].end
        answer_start, answer_end = self.said[span.first].start, self.said[span.last - 1].end
        return cite(self.store, sent.hit.chunk, start, end, self.answer[answer_start:answer_end], answer_start)

    def is_supported(self, citations: Sequence[Citation]) -> bool:
        """Whether there are citations, and all that is said beyond the question is cited."""
        cited = {
            place
            for place, word in enumerate(self.said)
            if any(citation.answer_start <= word.start < citation.answer_end for citation in citations)
        }
        return bool(citations) and all(self.new_claims(sentence) <= cited for sentence in self.sentences)


def cite(store: Store, chunk: Chunk, start: int, end: int, said: str, answer_start: int = 0) -> Citation | None:
    """The citation of characters of a chunk's document, if these are what is `said`, white space and letter case aside."""
    document = store.document(chunk.source)
    quote = document.text[start:end] if document else ""
    if not quote or forms(quote) != forms(said):
        return None
    answer_end = answer_start + len(said)
    return Citation(chunk.source, start, end, quote, True, chunk.heading, chunk.page, chunk.id, answer_start, answer_end)


def word_at(among: Sequence[Word], character: int) -> int | None:
    """The number of the word that a character belongs to."""
    return next((number for number, word in enumerate(among) if word.start <= character < word.end), None)
