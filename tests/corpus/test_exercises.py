from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from handspun.corpus.document import Conversation
from handspun.corpus.exercises import N_PASSAGES, Exercises, Find, quoted
from handspun.corpus.facts import Fact, reading_of_facts
from handspun.corpus.questions import UNKNOWN
from handspun.corpus.reading import Ask, Passage, Reading

FIELDS = [f"field {letter}" for letter in "abcdefghijkl"]
SUBJECTS = [f"Land{number}" for number in range(40)]
FACTS = reading_of_facts(Fact(s, f, f"{s} has {f}", f"part {f < 'field g'}") for s in SUBJECTS for f in FIELDS)
ASKED = {ask.id: ask for ask in FACTS.asks}
UNLIKE = Reading(FACTS.passages, tuple(replace(ask, kind="") for ask in FACTS.asks))
"""The same, as if no two questions were of one kind."""


def passages(conversation: Conversation) -> list[str]:
    """What is shown."""
    return [message.content for message in conversation.messages if message.role == "passage"]


def turns(conversation: Conversation) -> list[tuple[str, str]]:
    """Questions and answers."""
    talk = [message.content for message in conversation.messages if message.role != "passage"]
    return list(zip(talk[::2], talk[1::2], strict=True))


def finding(reading: Reading) -> Find:
    """A search for the words of a question."""

    def find(question: str, k: int) -> Sequence[int]:
        words = set(question.strip("?.").split())
        fits = [len(words & set(passage.text.split())) for passage in reading.passages]
        return sorted(range(len(fits)), key=lambda place: -fits[place])[:k]

    return find


@pytest.fixture(scope="module", params=[Exercises(FACTS), Exercises(UNLIKE, finding(UNLIKE))], ids=["by rule", "by search"])
def conversations(request: pytest.FixtureRequest) -> list[Conversation]:
    return list(request.param.conversations("facts"))


def test_an_answer_is_what_a_shown_passage_says_and_otherwise_unknown(conversations: list[Conversation]) -> None:
    said = {phrasing: ask for ask in FACTS.asks for phrasing in ask.phrasings}
    for conversation in conversations:
        for question, answer in turns(conversation):
            ask = said[question]
            assert answer == (f" {ask.answer}" if ask.passage.text in passages(conversation) else UNKNOWN)


def test_the_right_passage_is_shown_in_three_quarters_of_the_exercises(conversations: list[Conversation]) -> None:
    arms = Counter(conversation.metadata["arm"] for conversation in conversations)
    assert 0.7 < arms["gold"] / len(FACTS.asks) < 0.8
    assert 0.1 < arms["without gold"] / len(FACTS.asks) < 0.2
    for conversation in conversations:
        gold = ASKED[conversation.id.removeprefix("facts:")].passage.text
        assert (gold in passages(conversation)) == (conversation.metadata["arm"] == "gold")
        assert len(set(passages(conversation))) == (0 if conversation.metadata["arm"] == "closed book" else N_PASSAGES)


def test_no_place_among_the_passages_gives_the_right_one_away() -> None:
    places: Counter[int] = Counter()
    for conversation in Exercises(FACTS).conversations("facts"):
        if conversation.metadata["arm"] == "gold":
            places[passages(conversation).index(ASKED[conversation.id.removeprefix("facts:")].passage.text)] += 1
    assert min(places[place] for place in range(N_PASSAGES)) > 0.25 * places.total()


def test_most_distractors_answer_the_same_for_another_subject_or_something_else_about_this_one() -> None:
    kinds: Counter[str] = Counter()
    for ask in FACTS.asks:
        passage = next(Exercises(FACTS).distractors(ask))
        is_rival = f" {ask.kind} of " in passage.text
        kinds["sibling" if passage.group == ask.passage.group else "rival" if is_rival else "stranger"] += 1
    assert kinds["sibling"] > 0.3 * kinds.total()
    assert kinds["rival"] > 0.5 * kinds.total()


def test_a_passage_that_says_the_same_is_no_distractor() -> None:
    gold, other = Passage("Ada wrote notes.", "Ada", "0"), Passage("The notes are by Ada.", "Ada", "1")
    ask = Ask(("Who wrote notes?",), "Ada", gold, "who")
    assert list(Exercises(Reading((gold, other), (ask,))).distractors(ask)) == []
    elsewhere = Passage("Charles built engines.", "Charles", "2")
    assert list(Exercises(Reading((gold, other, elsewhere), (ask,))).distractors(ask)) == [elsewhere]


def test_an_answer_is_cut_as_its_passage_is_so_that_its_tokens_can_be_copied() -> None:
    assert quoted("Ada", "It was ADA who wrote.") == " ADA"
    assert quoted("Ada", "Ada wrote.") == "Ada"
    assert quoted("6", "16 or 6") == " 6"


def test_half_of_what_has_no_kind_is_shown_as_a_search_finds_it() -> None:
    asked: list[str] = []

    def find(question: str, k: int) -> Sequence[int]:
        asked.append(question)
        return range(k)

    list(Exercises(FACTS, find).conversations("facts"))
    assert asked == []
    exercises = list(Exercises(UNLIKE, find).conversations("facts"))
    assert 0.4 < len(asked) / len(exercises) < 0.5
    first = [passage.text for passage in FACTS.passages[:N_PASSAGES]]
    assert sum(passages(exercise)[:2] == first[:2] for exercise in exercises) > 0.9 * len(asked)


def test_what_is_found_is_shown_once_and_in_order_with_the_passage_that_answers() -> None:
    ask, places = UNLIKE.asks[0], range(len(UNLIKE.passages))
    gold = places[0]
    far = next(place for place in places if UNLIKE.passages[place].group != ask.passage.group)
    for found, shown in (
        ([far, gold], [far, gold]),
        ([far], [far, gold]),
        ([], [gold]),
        ([gold, far, far + 1, far + 2], [gold, far, far + 1]),
    ):
        exercises = Exercises(UNLIKE)
        assert exercises.found(ask, "gold", lambda _, k, found=found: found[:k]) == [UNLIKE.passages[place] for place in shown]


def test_held_out_questions_are_plain_and_their_wrong_passage_does_not_answer() -> None:
    questions = list(Exercises(FACTS).questions())
    assert len(questions) == len(FACTS.asks)
    for question in questions:
        ask = ASKED[question.id]
        assert (question.question, question.answer, question.passage) == (ask.phrasings[0], ask.answer, ask.passage.text)
        assert question.wrong_passage != question.passage


def test_a_reading_can_be_split_by_group() -> None:
    kept = FACTS.only(lambda group: group == "Land7")
    assert {passage.group for passage in kept.passages} == {ask.passage.group for ask in kept.asks} == {"Land7"}
