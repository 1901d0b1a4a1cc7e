"""What counts as a right answer, and what the model is shown in each arm."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handspun.corpus.document import Message, Question
from handspun.evaluate.answers import Answered, answer_all, prompt, scores
from handspun.evaluate.arms import READING_ARMS
from handspun.generate.config import GenerateConfig
from handspun.generate.torch_engine import TorchEngine
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.tokens.chat import render
from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import Tokenizer

QUESTION = Question("q1", "textwrap.dedent", "does", "What does it do?", "Remove leading space.", "It: Remove.", "Other: Add.")


def answered(answer: str, right: str = "Remove leading space.") -> Answered:
    """An answer to a question whose right answer is this."""
    return Answered(Question("q1", "x", "does", "What?", right, "p", "w"), "right_passage", answer)


@pytest.mark.parametrize(
    ("answer", "is_exact", "f1"),
    [
        ("Remove leading space.", True, 1.0),
        ("  Remove\nleading   space. ", True, 1.0),
        ("remove LEADING space.", False, 1.0),
        ("Remove leading", False, 0.8),
        ("Remove Remove leading space.", False, 6 / 7),
        ("Nothing of it", False, 0.0),
        ("", False, 0.0),
    ],
)
def test_exact_match_is_of_words_and_f1_of_shares_of_them(answer: str, is_exact: bool, f1: float) -> None:
    assert answered(answer).is_exact == is_exact
    assert answered(answer).f1 == pytest.approx(f1)


@given(st.lists(st.sampled_from("abcd"), min_size=1), st.lists(st.sampled_from("abcd"), min_size=1))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(said: list[str], right: list[str]) -> None:
    left = list(right)
    n_shared = sum(word in left and left.remove(word) is None for word in said)
    precision, recall = n_shared / len(said), n_shared / len(right)
    expected = 2 * precision * recall / (precision + recall) if n_shared else 0.0
    assert answered(" ".join(said), " ".join(right)).f1 == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "abstains"), [("I do not know.", True), (" i do not know.\n", True), ("I do not know it.", False), ("", False)]
)
def test_only_one_sentence_counts_as_not_knowing(answer: str, abstains: bool) -> None:
    assert answered(answer).abstains == abstains


def test_each_arm_shows_its_passage_before_the_question() -> None:
    asked = Message("user", "What does it do?")
    assert prompt(QUESTION, "closed_book") == [asked]
    assert prompt(QUESTION, "wrong_passage") == [Message("passage", "Other: Add."), asked]
    assert prompt(QUESTION, "right_passage") == [Message("passage", "It: Remove."), asked]


def test_scores_are_means_per_kind_and_arm() -> None:
    answers = [answered("Remove leading space."), answered("I do not know."), answered("Remove"), answered("no")]
    (key,) = found = scores(answers)
    assert key == ("does", "right_passage")
    score = found[key]
    assert (score.n_questions, score.exact_match, score.f1, score.abstained) == (4, 0.25, 0.375, 0.25)
    assert scores([]) == {}


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    texts = [QUESTION.question, QUESTION.answer, QUESTION.passage, "abcdefg " * 20]
    tokenizer = Tokenizer.train(texts, TokensConfig(vocab_size=270))
    config = ModelConfig(d_model=16, n_layers=1, n_heads=2, max_seq_len=64)
    model = Transformer(config, tokenizer.vocab_size)
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=generator)
    return TorchEngine(model, tokenizer)


def test_every_question_is_answered_in_every_arm_as_if_it_were_asked_alone(engine: TorchEngine) -> None:
    questions = [QUESTION, Question("q2", "y", "is", "Who?", "Nobody.", "A", "B C D")]
    config, seen = GenerateConfig(max_new_tokens=5), []
    answers = answer_all(engine, questions, config, rows=4, on_progress=lambda done, total: seen.append((done, total)))
    assert {(item.question.id, item.arm) for item in answers} == {(q.id, arm) for q in questions for arm in READING_ARMS}
    assert seen == [(4, 6), (6, 6)]
    for item in answers:
        ids = render(engine.tokenizer, prompt(item.question, item.arm), open_reply=True).ids.tolist()
        assert item.answer == engine.generate([ids], config)[0].text


def test_a_passage_too_long_to_be_read_is_answered_with_nothing(engine: TorchEngine) -> None:
    long = Question("q3", "z", "does", "What?", "Nothing.", "a b c d e f g " * 20, "A")
    answers = {item.arm: item.answer for item in answer_all(engine, [long], GenerateConfig(max_new_tokens=5), rows=8)}
    assert set(answers) == set(READING_ARMS)
    assert answers["right_passage"] == ""
