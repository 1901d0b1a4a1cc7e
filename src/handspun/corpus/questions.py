"""Questions by rule about Python's documentation: what is asked, what the right answer is, and what the model is shown.

The model is taught to read, not to memorize: with the right passage it answers from it; with a wrong passage, or with
none, it says that it does not know.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from handspun.corpus.dedup import Grams, word_grams
from handspun.corpus.document import Conversation, Message, Question
from handspun.corpus.python_docs import PythonLibrary
from handspun.corpus.python_objects import PythonObject
from handspun.corpus.split import stable_fraction

Ask = Literal["does", "is", "module", "arguments"]
Arm = Literal["right passage", "wrong passage", "closed book"]

UNKNOWN = "I do not know."
RIGHT_PASSAGE_SHARE, WRONG_PASSAGE_SHARE = 0.55, 0.35  # the rest, 0.10, is closed book
ABSENT_SHARE = 0.15  # of the objects also give a question about a name that does not exist
ASKED_PER_OBJECT: tuple[Ask, ...] = ("does", "does", "does", "is", "module", "arguments", "arguments")
MIN_ANSWER_CHARS, MAX_ANSWER_CHARS = 8, 120
MAX_ARGUMENTS_CHARS = 80
SENTENCE = re.compile(r"^[\"'`]*[A-Za-z][^>]* [^>]*$")  # at least two words; no doctest, no "f(x) -> y"
PRIVATE_PART = re.compile(r"(?:^|\.)_(?!_\w+__(?:\.|$))")

TEMPLATES: dict[Ask, tuple[str, ...]] = {
    "does": (
        "What does {name} do?",
        "What is {name} for?",
        "Tell me what {name} does.",
        "Explain {name} in one sentence.",
        "What does the {kind} {name} do?",
    ),
    "is": ("What is {name}?", "What is the {kind} {name}?", "Describe {name}.", "Tell me about {name}."),
    "module": ("Which module has `{member}`?", "Where is `{member}` defined?", "Which module do I import for `{member}`?"),
    "arguments": ("What arguments does {name} take?", "Which arguments does {name} accept?", "What do I pass to {name}?"),
}
ABSENT_TEMPLATES = ("What is {name}?", "What does {name} do?", "What arguments does {name} take?", "Tell me about {name}.")


@dataclass(frozen=True, slots=True)
class Exercise:
    """An object that can be asked about, and another one whose passage does not answer."""

    item: PythonObject
    other: PythonObject
    """a sibling, where there is one: the harder wrong passage"""
    stranger: PythonObject
    """an object from anywhere: the easier one"""

    def answers(self) -> dict[Ask, str]:
        """What can be asked about the object → the right answer, made of words that stand in its passage.

        Each is cut where the passage's tokens are cut too, so that it can be quoted: arguments with their parentheses, and a
        module after a space.
        """
        item = self.item
        answers: dict[Ask, str] = {"does": item.first_sentence}
        if item.kind in ("class", "module"):
            answers["is"] = item.first_sentence
        if item.kind != "module" and item.module != "builtins":
            answers["module"] = f"It is in {item.module}."
        if item.arguments and len(item.arguments) <= MAX_ARGUMENTS_CHARS:
            answers["arguments"] = f"({item.arguments})"
        return answers

    def passage(self, arm: Arm, key: str) -> str | None:
        """What the model is shown in this arm; of the wrong passages about half are a sibling's."""
        wrong = self.other if stable_fraction(f"sibling:{key}") < 0.5 else self.stranger
        return {"right passage": self.item.passage, "wrong passage": wrong.passage, "closed book": None}[arm]


def training_conversations(library: PythonLibrary, known_ids: Container[str]) -> Iterator[Conversation]:
    """For each object one can ask about a few conversations, differing in what is asked, its phrasing and what is shown.

    `known_ids` names every object there is, held-out ones too: none of them is called absent.
    """
    for exercise in _exercises(library):
        answers = exercise.answers()
        for number, ask in enumerate(ASKED_PER_OBJECT):
            if ask in answers:
                yield _asked(exercise, ask, answers[ask], f"{exercise.item.id}#{number}")
        absent = f"{exercise.item.module}.{exercise.other.name.rpartition('.')[2]}s"
        if absent not in known_ids and stable_fraction(f"absent:{absent}") < ABSENT_SHARE:
            yield _asked_about_nothing(exercise, absent)


def held_out_questions(library: PythonLibrary, trained: PythonLibrary) -> Iterator[Question]:
    """Every kind of question about each object, plainly put, unless the training text gives the answer away."""
    trained_grams = trained.grams()
    for exercise in _exercises(library):
        item = exercise.item
        if not _is_given_away(item.first_sentence, trained_grams):
            for ask, answer in exercise.answers().items():
                question = TEMPLATES[ask][0].format(name=item.id, member=item.name, kind=item.kind)
                yield Question(f"{item.id}?{ask}", item.id, ask, question, answer, item.passage, exercise.other.passage)


def _exercises(library: PythonLibrary) -> Iterator[Exercise]:
    """An exercise for each object one can ask about; the wrong passage is that of a sibling where there is one."""
    askable = [item for item in library.objects if _is_askable(item)]
    siblings: dict[str, list[PythonObject]] = defaultdict(list)
    for item in askable:
        siblings[item.module].append(item)
    for item in askable:
        stranger = _unlike(item, askable)
        other = _unlike(item, siblings[item.module]) or stranger
        if other and stranger:
            yield Exercise(item, other, stranger)


def _is_askable(item: PythonObject) -> bool:
    """Whether the object is public and its docstring opens with a sentence of a fitting length."""
    sentence = item.first_sentence
    return (
        item.kind not in ("topic", "comment")
        and not PRIVATE_PART.search(item.id)
        and MIN_ANSWER_CHARS <= len(sentence) <= MAX_ANSWER_CHARS
        and SENTENCE.match(sentence) is not None
    )


def _unlike(item: PythonObject, candidates: Sequence[PythonObject]) -> PythonObject | None:
    """A candidate, chosen by hash, whose passage neither names the object nor holds its answer."""
    start = int(stable_fraction(f"other:{item.id}") * len(candidates))
    sentence = item.first_sentence.lower()
    for candidate in (*candidates[start : start + 20], *candidates[: min(start, 20)]):
        if item.id not in candidate.passage and sentence not in candidate.passage.lower():
            return candidate
    return None


def _asked(exercise: Exercise, ask: Ask, answer: str, key: str) -> Conversation:
    """One question about the object, answered where the passage that is shown answers it."""
    item, arm = exercise.item, _arm(key)
    question = _choice(TEMPLATES[ask], key).format(name=item.id, member=item.name, kind=item.kind)
    metadata = {"object": item.id, "kind": ask, "arm": arm}
    return _conversation(key, exercise.passage(arm, key), question, answer if arm == "right passage" else UNKNOWN, metadata)


def _asked_about_nothing(exercise: Exercise, name: str) -> Conversation:
    """A question about a name that does not exist (a sibling's in the plural), next to a real passage or none."""
    key = f"{name}#absent"
    question = _choice(ABSENT_TEMPLATES, key).format(name=name)
    return _conversation(key, exercise.passage(_arm(key), key), question, UNKNOWN, {"object": name, "kind": "absent"})


def _conversation(key: str, passage: str | None, question: str, answer: str, metadata: dict[str, str]) -> Conversation:
    shown = (Message("passage", passage),) if passage else ()
    return Conversation((*shown, Message("user", question), Message("assistant", answer)), f"python:{key}", "python", metadata)


def _arm(key: str) -> Arm:
    fraction = stable_fraction(f"arm:{key}")
    if fraction < RIGHT_PASSAGE_SHARE:
        return "right passage"
    return "wrong passage" if fraction < RIGHT_PASSAGE_SHARE + WRONG_PASSAGE_SHARE else "closed book"


def _choice(options: Sequence[str], key: str) -> str:
    return options[int(stable_fraction(f"phrasing:{key}") * len(options))]


def _is_given_away(sentence: str, trained_grams: Grams) -> bool:
    """Whether every 5-gram of the sentence stands somewhere in the training text."""
    grams = word_grams(sentence)
    return bool(len(trained_grams)) and bool(
        (trained_grams.take(np.searchsorted(trained_grams, grams), mode="clip") == grams).all()
    )
