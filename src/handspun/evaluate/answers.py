"""Answers to questions that were never asked in training: exact match and F1 (SQuAD, Rajpurkar 2016), in three arms."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from handspun.corpus.document import Message, Question
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine
from handspun.tokens.chat import render

Arm = Literal["closed_book", "wrong_passage", "right_passage"]
ARMS: tuple[Arm, ...] = ("closed_book", "wrong_passage", "right_passage")
UNKNOWN = "I do not know."
"""What the model says where nothing it was given holds the answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One question, answered in one arm."""

    question: Question
    arm: Arm
    answer: str

    @property
    def is_exact(self) -> bool:
        """The right words in the right order, white space aside."""
        return self.answer.split() == self.question.answer.split()

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall over words."""
        said, right = self.answer.lower().split(), self.question.answer.lower().split()
        shared = sum((Counter(said) & Counter(right)).values())
        return 2 * shared / (len(said) + len(right)) if shared else 0.0

    @property
    def abstains(self) -> bool:
        """It said that it does not know."""
        return self.answer.strip() == UNKNOWN


def prompt(question: Question, arm: Arm) -> list[Message]:
    """The messages of one arm: with the passage that holds the answer, with another, or with none."""
    passages = {"closed_book": None, "wrong_passage": question.wrong_passage, "right_passage": question.passage}
    passage = passages[arm]
    return [*([Message("passage", passage)] if passage else []), Message("user", question.question)]


def answer_all(
    engine: Engine,
    questions: Sequence[Question],
    config: GenerateConfig,
    *,
    rows: int,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> list[Answered]:
    """Every question answered in every arm, greedily, prompts of like length side by side."""
    asked = [
        (question, arm, render(engine.tokenizer, prompt(question, arm), open_reply=True).ids.tolist())
        for question in questions
        for arm in ARMS
    ]
    asked.sort(key=lambda item: len(item[2]))
    answered = []
    for first in range(0, len(asked), rows):
        batch = asked[first : first + rows]
        replies = engine.generate([ids for _, _, ids in batch], config)
        answered += [Answered(question, arm, reply.text) for (question, arm, _), reply in zip(batch, replies)]
        on_progress(len(answered), len(asked))
    return answered


@dataclass(frozen=True, slots=True)
class Score:
    """Shares over the questions of one kind in one arm."""

    n_questions: int
    exact_match: float
    f1: float
    abstained: float


def scores(answered: Sequence[Answered]) -> dict[tuple[str, Arm], Score]:
    """One score per kind of question and arm."""
    groups: dict[tuple[str, Arm], list[Answered]] = {}
    for item in answered:
        groups.setdefault((item.question.kind, item.arm), []).append(item)
    return {key: score(group) for key, group in groups.items()}


def score(group: Sequence[Answered]) -> Score:
    """The means over a group of answers."""
    n = len(group)
    return Score(
        n_questions=n,
        exact_match=sum(item.is_exact for item in group) / n,
        f1=sum(item.f1 for item in group) / n,
        abstained=sum(item.abstains for item in group) / n,
    )
