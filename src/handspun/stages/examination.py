"""A finished model and an index, measured together: no stage of a run, as a run may be measured with any index at any time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from handspun.corpus.document import Question
from handspun.corpus.records import read_documents, read_questions
from handspun.evaluate.baselines import joined
from handspun.evaluate.cited_answers import answer_from_index
from handspun.evaluate.counted_reader import BACKGROUND_BYTES, counted_bits
from handspun.evaluate.in_context import drawn, in_context_bits
from handspun.evaluate.index_evaluation import answer_facts, judged_facts, known_item_facts, text_facts
from handspun.evaluate.librarian import Librarian, pool_of
from handspun.generate.config import GenerateConfig
from handspun.generate.torch_engine import TorchEngine
from handspun.recipe import Recipe
from handspun.retrieve.answerer import Answerer
from handspun.retrieve.chunk import Chunk
from handspun.retrieve.ranking import Qrels
from handspun.retrieve.searcher import Searcher
from handspun.runs import Run
from handspun.stages.evaluate import ANSWER_TOKENS
from handspun.stages.stage import Reporter

COUNTED_PASSAGES, COUNTED_TEXTS, SHORTEST_CHARS = 3, 60, 100
"""What the model that only counts reads before a text, how many texts, and what counts as one"""


@dataclass(frozen=True)
class Examination:
    """What is measured and with what; each measure is there only where the run has what it takes."""

    run: Run
    recipe: Recipe
    engine: TorchEngine
    searcher: Searcher
    reporter: Reporter

    def facts(self, exam: Sequence[Question] | None, judged: tuple[Mapping[str, str], Qrels] | None) -> dict[str, Any]:
        """Search by somebody's judgments or by known items, answers to an exam or to the run's own questions, and text."""
        index = self.searcher.index
        facts: dict[str, Any] = {"run": self.run.path.name, "index": index.name, "chunks": index.store.counts().chunks}
        facts["retrieval"] = self.search(judged)
        if asked := (self.own_questions() if exam is None else exam)[: self.recipe.evaluate.n_questions]:
            facts["answers"] = self.answers(asked)
        val = self.run.corpus / "val.jsonl"
        if val.is_file() and val.stat().st_size:
            facts["text"] = self.text()
        return facts

    @cached_property
    def pool(self) -> list[Chunk]:
        """Chunks of the index that wrong passages, and known items, are drawn from."""
        return pool_of(self.searcher.index.store.every_chunk())

    def own_questions(self) -> list[Question]:
        """The held-out questions of the run, of the kind that its headline counts."""
        path = self.run.corpus / "questions.jsonl"
        asked = read_questions(path) if path.is_file() else ()
        return [question for question in asked if question.kind == self.recipe.evaluate.question_kind]

    def search(self, judged: tuple[Mapping[str, str], Qrels] | None) -> dict[str, Any]:
        """How well the index finds."""
        with self.reporter.progress("search", "queries") as progress:
            if judged is not None:
                return judged_facts(self.searcher, *judged, progress)
            return known_item_facts(self.searcher, self.pool, progress)

    def answers(self, asked: Sequence[Question]) -> dict[str, Any]:
        """Answers and citations in the three arms."""
        tokenizer, max_seq_len = self.engine.tokenizer, self.engine.max_seq_len
        answerer = Answerer(self.searcher, tokenizer, max_seq_len, self.searcher.index.config)
        settings, rows = GenerateConfig(max_new_tokens=ANSWER_TOKENS), self.recipe.evaluate.rows
        with self.reporter.progress("questions", "answers") as progress:
            answered = answer_from_index(
                self.engine, answerer, asked, settings, pool=self.pool, rows=rows, on_progress=progress
            )
        return answer_facts(answered)

    def text(self) -> dict[str, Any]:
        """Bits per byte of held-out text in the three arms, of the model and of one that only counts."""
        librarian, config = Librarian(self.searcher.search, self.pool, n_passages=1), self.recipe.evaluate
        documents, seq_len = list(read_documents(self.run.corpus / "val.jsonl")), self.recipe.train.seq_len
        model, tokenizer = self.engine.model, self.engine.tokenizer
        with self.reporter.progress("text", "windows") as progress:
            bits = in_context_bits(model, tokenizer, documents, librarian, config, seq_len=seq_len, on_progress=progress)
        facts = {"stride": config.stride, "query_tokens": config.query_tokens, **text_facts(bits, what="In text")}
        long = drawn((document for document in documents if len(document.text) >= SHORTEST_CHARS), COUNTED_TEXTS)
        if len(long) < 2:
            return facts
        train = (document.text for document in read_documents(self.run.corpus / "train.jsonl"))
        background, three = joined(train, at_most=BACKGROUND_BYTES), replace(librarian, n_passages=COUNTED_PASSAGES)
        with self.reporter.progress("n-gram model", "texts") as progress:
            counted = counted_bits(background, long, three, order=config.ngram_order, on_progress=progress)
        return {**facts, "counted": text_facts(counted, what="To a model that only counts")}
