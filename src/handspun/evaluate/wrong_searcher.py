"""Finds what does not answer: the arm that shows whether a model reads its passages, or only likes to have some."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from handspun.corpus.document import Question
from handspun.evaluate.librarian import turned
from handspun.evaluate.support import holds_answer
from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.searcher import Searcher
from handspun.retrieve.store import Filters


class WrongSearcher(Searcher):
    """Finds as much as another searcher and with the same scores, but chunks of the same index that do not hold the answer."""

    def __init__(self, searcher: Searcher, pool: Sequence[Chunk], questions: Iterable[Question]) -> None:
        self.index, self.min_score = searcher.index, searcher.min_score
        self.searcher, self.pool = searcher, pool
        self.questions = {question.question: question for question in questions}

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[Hit]:
        hits = self.searcher.search(query, k, filters)
        wrong = self.wrong(self.questions[query], {hit.chunk.id for hit in hits})
        return [replace(hit, chunk=chunk) for hit, chunk in zip(hits, wrong)]

    def wrong(self, question: Question, found: set[str]) -> Iterator[Chunk]:
        """Chunks that are neither found nor hold the answer, from a place in the pool that hangs on the question."""
        for chunk in turned(self.pool, f"wrong:{question.id}"):
            if chunk.id not in found and not holds_answer(chunk, question):
                yield chunk
