"""Questions answered out of an index, in three arms: are answers, citations and abstentions right?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from handspun.corpus.document import Message, Question
from handspun.errors import PromptError
from handspun.evaluate.answers import Answered
from handspun.evaluate.arms import INDEX_ARMS, Arm
from handspun.evaluate.bootstrap import Difference, paired_difference
from handspun.evaluate.support import holds_answer, is_right
from handspun.evaluate.wrong_searcher import WrongSearcher
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine
from handspun.progress import OnProgress, unheard
from handspun.retrieve.answer import Answer
from handspun.retrieve.answerer import Answerer, Prepared
from handspun.retrieve.chunk import Chunk
from handspun.tokens.chat import render


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """One question, answered in one arm."""

    question: Question
    arm: Arm
    answer: Answer
    is_at_hand: bool
    """whether one of the hits that go before the model holds the answer"""

    @property
    def answered(self) -> Answered:
        """What it says, to be held against the right answer."""
        return Answered(self.question, self.arm, self.answer.text)

    @property
    def n_right(self) -> int:
        """Its citations that support the right answer."""
        return sum(is_right(citation, self.question) for citation in self.answer.citations)


@dataclass(frozen=True, slots=True)
class CitationScore:
    """Shares over the questions of one arm; None where nothing was cited, or nobody abstained."""

    precision: float | None
    """of the citations, those that support the right answer"""
    recall: float
    """of the questions, those with such a citation"""
    supported: float
    """of the questions, those whose answer is cited whole"""
    at_hand: float
    """of the questions, those whose answer was among what the model was to read"""
    abstention_precision: float | None
    """of the abstentions, those where it was not"""


def answer_from_index(
    engine: Engine,
    answerer: Answerer,
    questions: Sequence[Question],
    config: GenerateConfig,
    *,
    arms: Sequence[Arm] = INDEX_ARMS,
    pool: Sequence[Chunk] = (),
    rows: int,
    on_progress: OnProgress = unheard,
) -> list[CitedAnswer]:
    """Every question answered in these arms, `rows` at a time; the chunks of the wrong one are drawn from `pool`.

    A question that the model's context has no room for is answered with nothing.
    """
    wrong = Answerer(
        WrongSearcher(answerer.searcher, pool, questions), answerer.tokenizer, answerer.max_seq_len, answerer.config
    )
    prepared: list[tuple[Question, Arm, Prepared]] = [
        (question, arm, prepare(wrong if arm == "wrong_passage" else answerer, question, arm, config))
        for question in questions
        for arm in arms
    ]
    replied = replies(engine, answerer, [item for _, _, item in prepared], config, rows, on_progress)
    n_read = answerer.config.n_passages
    return [
        CitedAnswer(question, arm, answer, any(holds_answer(hit.chunk, question) for hit in item.hits[:n_read]))
        for (question, arm, item), answer in zip(prepared, replied)
    ]


def prepare(answerer: Answerer, question: Question, arm: Arm, config: GenerateConfig) -> Prepared:
    """A question as it is asked in one arm; without ids where it is too long."""
    if arm == "closed_book":
        messages = [Message("user", question.question)]
        ids = render(answerer.tokenizer, messages, open_reply=True).ids.tolist()
        return Prepared(question.question, (), True, messages, ids if len(ids) < answerer.max_seq_len else [])
    try:
        return answerer.prepare(question.question, max_new_tokens=config.max_new_tokens)
    except PromptError:
        return Prepared(question.question, (), True)


def replies(
    engine: Engine,
    answerer: Answerer,
    prepared: Sequence[Prepared],
    config: GenerateConfig,
    rows: int,
    on_progress: OnProgress,
) -> list[Answer]:
    """The answer to each, prompts of like length side by side."""
    answers = {
        place: answerer.unknown(item) if not item.is_found else Answer("", (), False, "model")
        for place, item in enumerate(prepared)
        if not item.ids
    }
    asked = sorted(
        (place for place in range(len(prepared)) if place not in answers), key=lambda place: len(prepared[place].ids)
    )
    for first in range(0, len(asked), rows):
        batch = asked[first : first + rows]
        for place, reply in zip(batch, engine.generate([prepared[place].ids for place in batch], config)):
            answers[place] = answerer.conclude(prepared[place], reply)
        on_progress(len(answers), len(prepared))
    return [answers[place] for place in range(len(prepared))]


def citation_score(group: Sequence[CitedAnswer]) -> CitationScore:
    """The shares over the answers of one arm, of which there is one at least."""
    n_cited = sum(len(item.answer.citations) for item in group)
    abstained = [item for item in group if item.answered.abstains]
    return CitationScore(
        precision=sum(item.n_right for item in group) / n_cited if n_cited else None,
        recall=share(item.n_right > 0 for item in group),
        supported=share(item.answer.supported for item in group),
        at_hand=share(item.is_at_hand for item in group),
        abstention_precision=share(not item.is_at_hand for item in abstained) if abstained else None,
    )


def share(claims: Iterable[bool]) -> float:
    """Of some claims those that hold."""
    return float(np.mean(list(claims)))


def gain(answers: Sequence[CitedAnswer], than: Arm) -> Difference:
    """By how much exact match is higher with retrieved passages than in another arm, the same questions in both."""
    exact = {arm: {item.question.id: item.answered.is_exact for item in answers if item.arm == arm} for arm in INDEX_ARMS}
    ids = list(exact["retrieved"])
    values = {arm: np.array([exact[arm][id] for id in ids], dtype=np.float64) for arm in ("retrieved", than)}
    return paired_difference(values["retrieved"], values[than])
