"""Answers to questions that were never asked in training: exact match and F1 (SQuAD, Rajpurkar 2016), in three arms."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from handspun.corpus.document import Message, Question
from handspun.evaluate.arms import READING_ARMS, Arm, ReadingArm
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine
from handspun.progress import OnProgress, unheard
from handspun.retrieve.answer import says_unknown
from handspun.tokens.chat import render


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as the model reads it in one arm."""

    question: Question
    arm: ReadingArm
    ids: list[int]


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
        """Harmonic mean of precision and recall over words, upper and lower case alike."""
        said, right = self.answer.lower().split(), self.question.answer.lower().split()
        shared = sum((Counter(said) & Counter(right)).values())
        return 2 * shared / (len(said) + len(right)) if shared else 0.0

    @property
    def abstains(self) -> bool:
        """It said that it does not know."""
        return says_unknown(self.answer)


def prompt(question: Question, arm: ReadingArm) -> list[Message]:
    """The messages of one arm: with the passage that holds the answer, with another, or with none."""
    passages = {"closed_book": None, "wrong_passage": question.wrong_passage, "right_passage": question.passage}
    passage = passages[arm]
    return [*([Message("passage", passage)] if passage else []), Message("user", question.question)]


def prompt_ids(engine: Engine, question: Question, arm: ReadingArm) -> list[int]:
    """The same as ids, with the reply opened."""
    return render(engine.tokenizer, prompt(question, arm), open_reply=True).ids.tolist()


def answer_all(
    engine: Engine,
    questions: Sequence[Question],
    config: GenerateConfig,
    *,
    rows: int,
    on_progress: OnProgress = unheard,
) -> list[Answered]:
    """Every question answered in every arm, prompts of like length side by side, `rows` at a time.

    A prompt that the model's context has no room for is answered with nothing.
    """
    asked = [Asked(question, arm, prompt_ids(engine, question, arm)) for question in questions for arm in READING_ARMS]
    limit = engine.max_seq_len
    answered = [Answered(item.question, item.arm, "") for item in asked if len(item.ids) >= limit]
    fitting = sorted((item for item in asked if len(item.ids) < limit), key=lambda item: len(item.ids))
    for first in range(0, len(fitting), rows):
        batch = fitting[first : first + rows]
        replies = engine.generate([item.ids for item in batch], config)
        answered += [Answered(item.question, item.arm, reply.text) for item, reply in zip(batch, replies)]
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
