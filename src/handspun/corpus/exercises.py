"""Exercises in reading: three passages, of which mostly one answers, and questions about them (RAFT, Zhang 2024).

The others are hard to tell from the right one: they answer the same question about another subject, or other questions about
the same. Where none answers, or none is shown, the reply to learn is that it is not known. A reply is the answer alone: where
it stands is told by the system, from what was copied, so no token is spent on naming it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

from handspun.corpus.document import Conversation, Message, Question
from handspun.corpus.questions import UNKNOWN
from handspun.corpus.reading import Ask, Passage, Reading
from handspun.corpus.split import stable_fraction

Arm = Literal["gold", "without gold", "closed book"]
Option = TypeVar("Option")
Find = Callable[[str, int], Sequence[int]]
"""The places, among the passages, of as many as fit a question best, the best first."""
FindAmong = Callable[[Sequence[str]], Find]
"""Makes passages ready to be found."""

N_PASSAGES = 3
GOLD_SHARE, WITHOUT_GOLD_SHARE = 0.75, 0.17  # the rest, 0.08, is closed book
FOUND_SHARE = 0.5  # of the questions of no kind are shown with what a search finds, where there is one
FOLLOWED_SHARE, N_FOLLOWING = 0.6, 2  # of the exercises go on with further questions about the same passages
ANSWERED_SHARE = 0.75  # of those are answered by what is shown
TRIES = 8
KIND = "reading"


class Exercises:
    """Conversations and held-out questions out of a reading. What is shown with a question depends on its id alone."""

    def __init__(self, reading: Reading, find: Find | None = None) -> None:
        self.reading, self.find = reading, find

    def conversations(self, source: str) -> Iterator[Conversation]:
        """Each question once, with what is shown of its passages, and often others behind it."""
        for ask in self.reading.asks:
            arm = arm_of(ask.id)
            shown = self.shown(ask, arm)
            messages = [Message("passage", passage.text) for passage in shown]
            for each in (ask, *self.following(ask, shown)):
                answer = next((quoted(each.answer, passage.text) for passage in shown if holds(passage, each)), UNKNOWN)
                messages += [
                    Message("user", one_of(each.phrasings, f"phrasing:{ask.id}:{each.id}")),
                    Message("assistant", answer),
                ]
            yield Conversation(tuple(messages), f"{source}:{ask.id}", source, {"group": ask.passage.group, "arm": arm})

    def questions(self) -> Iterator[Question]:
        """Each question plainly put, with its passage and one that is hard to tell from it."""
        for ask in self.reading.asks:
            wrong = next(self.distractors(ask), None)
            if wrong:
                yield Question(ask.id, ask.passage.group, KIND, ask.phrasings[0], ask.answer, ask.passage.text, wrong.text)

    def shown(self, ask: Ask, arm: Arm) -> list[Passage]:
        """What is put before the model: as the search has ordered it, or in any order."""
        if arm == "closed book":
            return []
        if self.find and not ask.kind and stable_fraction(f"found:{ask.id}") < FOUND_SHARE:
            return self.found(ask, arm, self.find)
        shown = [ask.passage] if arm == "gold" else []
        for passage in self.distractors(ask):
            if len(shown) == N_PASSAGES:
                break
            shown.append(passage)
        return sorted(shown, key=lambda passage: stable_fraction(f"order:{ask.id}:{passage.id}"))

    def found(self, ask: Ask, arm: Arm, find: Find) -> list[Passage]:
        """What a search for the question finds, with the passage that answers in it or taken out."""
        found = [self.reading.passages[place] for place in find(ask.phrasings[0], N_PASSAGES + 1)]
        wrong = [passage for passage in found if not holds(passage, ask)]
        if arm == "without gold":
            return wrong[:N_PASSAGES]
        shown = [ask.passage, *wrong[: N_PASSAGES - 1]]
        return sorted(shown, key=[*found, ask.passage].index)

    def distractors(self, ask: Ask) -> Iterator[Passage]:
        """Different passages that do not answer: those that answer the same about others, siblings, and then any."""
        rivals = [rival.passage for rival in self.reading.by_kind.get(ask.kind, ())]
        siblings = self.reading.by_group[ask.passage.group]
        chosen: list[Passage] = []
        for number in range(TRIES * N_PASSAGES):
            key = f"distractor:{ask.id}:{number}"
            pool = siblings if stable_fraction(f"pool:{key}") < 0.4 and len(siblings) > 1 else rivals or siblings
            passage = one_of(pool if number < TRIES else self.reading.passages, key)
            if passage not in chosen and not holds(passage, ask):
                chosen.append(passage)
                yield passage

    def following(self, ask: Ask, shown: Sequence[Passage]) -> Iterator[Ask]:
        """Other questions: about what is shown, or such as are close to it and not answered by it."""
        if not shown or stable_fraction(f"followed:{ask.id}") >= FOLLOWED_SHARE:
            return
        asked = {ask.id}
        for number in range(N_FOLLOWING):
            key = f"following:{ask.id}:{number}"
            passage = one_of(shown, f"about:{key}")
            if stable_fraction(f"answered:{key}") >= ANSWERED_SHARE:
                passage = one_of(self.reading.by_group[passage.group], f"beside:{key}")
            candidates = self.reading.by_passage.get(passage.id, ())
            if candidates and (each := one_of(candidates, key)).id not in asked:
                asked.add(each.id)
                yield each


def holds(passage: Passage, ask: Ask) -> bool:
    """Whether a passage answers a question: it is the one, or one of the same group that says the same."""
    if passage == ask.passage:
        return True
    return not ask.kind and passage.group == ask.passage.group and ask.answer.lower() in passage.text.lower()


def quoted(answer: str, text: str) -> str:
    """The answer with the space before it where it has one in the text: only so are its tokens those that can be copied."""
    forms = (f" {answer}", answer)
    places = ((text.lower().find(form.lower()), form) for form in forms)
    return next((text[place : place + len(form)] for place, form in places if place >= 0), answer)


def arm_of(id: str) -> Arm:
    """What is shown with a question."""
    fraction = stable_fraction(f"arm:{id}")
    if fraction < GOLD_SHARE:
        return "gold"
    return "without gold" if fraction < GOLD_SHARE + WITHOUT_GOLD_SHARE else "closed book"


def one_of(options: Sequence[Option], key: str) -> Option:
    """One of them, chosen by hash."""
    return options[int(stable_fraction(key) * len(options))]
