"""Answers out of an index are counted as right, cited or unknown for what they are, and no arm gets what another was given."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from handspun.corpus.document import Question
from handspun.evaluate.arms import INDEX_ARMS
from handspun.evaluate.cited_answers import CitedAnswer, answer_from_index, citation_score, gain, prepare
from handspun.evaluate.support import holds_answer, is_called, is_right, says
from handspun.evaluate.wrong_searcher import WrongSearcher
from handspun.generate.config import GenerateConfig
from handspun.generate.torch_engine import TorchEngine
from handspun.retrieve.answer import Answer, unknown
from handspun.retrieve.answerer import Answerer
from handspun.retrieve.chunk import Chunk
from handspun.retrieve.citation import Citation
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.index import Index
from handspun.retrieve.ingest import sync
from handspun.retrieve.searcher import Searcher
from tiny_run import byte_tokenizer, tiny_model

FACTS = {"owl": "An owl hunts mice.", "fox": "A fox digs holes.", "hen": "A hen lays eggs.", "eel": "An eel swims far."}
QUESTIONS = [
    Question(name, f"{name}.md", "", f"What does the {name} do?", fact.split(" ", 2)[2], "", "") for name, fact in FACTS.items()
]
CONFIG = GenerateConfig(max_new_tokens=4)


@pytest.fixture
def answerer(tmp_path: Path) -> Iterator[Answerer]:
    for name, fact in FACTS.items():
        (tmp_path / "notes").mkdir(exist_ok=True)
        (tmp_path / "notes" / f"{name}.md").write_text(fact)
    index = Index.create(tmp_path / "index", RetrieveConfig(embedder="none", n_passages=1), [tmp_path / "notes"])
    sync(index)
    yield Answerer(Searcher(index), byte_tokenizer(), 128, index.config)
    index.close()


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    model = tiny_model()
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=generator)
    return TorchEngine(model, byte_tokenizer())


def pool(answerer: Answerer) -> list[Chunk]:
    return list(answerer.searcher.index.store.every_chunk())


def citation(source: str, quote: str = "hunts mice.") -> Citation:
    return Citation(source, 0, len(quote), quote, True, "", None, "id", 0, len(quote))


def said(text: str, *citations: Citation, is_at_hand: bool = True, number: int = 0) -> CitedAnswer:
    """What was answered to the question about the owl, in the arm that counts."""
    kept = unknown([]) if text == "I do not know." else Answer(text, citations, bool(citations), "model")
    return CitedAnswer(replace(QUESTIONS[0], id=str(number)), "retrieved", kept, is_at_hand)


def test_every_question_is_answered_in_every_arm_and_only_the_retrieved_arm_has_the_answer_at_hand(
    engine: TorchEngine, answerer: Answerer
) -> None:
    answers = answer_from_index(engine, answerer, QUESTIONS, CONFIG, pool=pool(answerer), rows=5)
    assert [(item.question.id, item.arm) for item in answers] == [(q.id, arm) for q in QUESTIONS for arm in INDEX_ARMS]
    assert {item.arm for item in answers if item.is_at_hand} == {"retrieved"}
    assert citation_score([item for item in answers if item.arm == "retrieved"]).at_hand == 1


def test_each_arm_reads_what_it_says(answerer: Answerer) -> None:
    wrong = Answerer(WrongSearcher(answerer.searcher, pool(answerer), QUESTIONS), byte_tokenizer(), 128, answerer.config)
    for question in QUESTIONS:
        closed = prepare(answerer, question, "closed_book", CONFIG)
        assert [message.role for message in closed.messages] == ["user"]
        (found,) = prepare(answerer, question, "retrieved", CONFIG).sent
        assert found.hit.chunk.source == question.object
        (misleading,) = prepare(wrong, question, "wrong_passage", CONFIG).sent
        assert misleading.hit.chunk.source != question.object
        assert misleading.hit.score == found.hit.score


def test_a_question_too_long_to_be_read_is_answered_with_nothing(engine: TorchEngine, answerer: Answerer) -> None:
    long = replace(QUESTIONS[0], question="What does the owl do? " * 20)
    answers = answer_from_index(engine, answerer, [long], CONFIG, pool=pool(answerer), rows=5)
    assert [item.answer.text for item in answers] == ["", "", ""]


def test_citations_count_as_right_where_they_point_to_the_source_that_answers() -> None:
    score = citation_score([said("hunts mice.", citation("owl.md"), citation("fox.md")), said("digs", citation("fox.md"))])
    assert score.precision == pytest.approx(1 / 3)
    assert (score.recall, score.supported) == (0.5, 1)
    assert citation_score([said("hunts")]).precision is None


def test_abstaining_is_right_where_the_answer_was_not_at_hand() -> None:
    score = citation_score([said("I do not know."), said("I do not know.", is_at_hand=False), said("hunts mice.")])
    assert score.abstention_precision == 0.5
    assert citation_score([said("hunts mice.")]).abstention_precision is None


def test_the_gain_is_that_in_exact_match_over_the_same_questions() -> None:
    right = [said("hunts mice.", number=number) for number in range(20)]
    wrong = [replace(item, arm="closed_book", answer=unknown([])) for item in right]
    assert gain([*right, *wrong], "closed_book").mean == 1
    assert gain([*right, *wrong], "closed_book").is_sure
    assert not gain([*right, *(replace(item, arm="closed_book") for item in right)], "closed_book").is_sure


@pytest.mark.parametrize(
    ("source", "name", "is_it"),
    [
        ("notes/owl.md", "notes/owl.md", True),
        ("python.jsonl#os.open", "os.open", True),
        ("python.jsonl#os.open", "python.jsonl", True),
        ("python.jsonl#os.openpty", "os.open", False),
        ("notes/owl.md", "owl.md", False),
    ],
)
def test_a_source_is_known_by_its_path_its_record_or_both(source: str, name: str, is_it: bool) -> None:
    assert is_called(source, name) == is_it


def test_where_the_source_is_not_known_the_words_of_the_answer_decide() -> None:
    question = replace(QUESTIONS[0], object="")
    assert holds_answer(Chunk("a", 0, 20, "An owl\nHunts  mice. It rests."), question)
    assert not holds_answer(Chunk("a", 0, 20, "Mice hunts."), question)
    assert is_right(citation("a", "An owl hunts mice."), question) and is_right(citation("a", "mice."), question)
    assert not is_right(citation("a", "digs holes."), question)
    assert not says("any text", "")
