"""An answer is looked up, read, and cited where it stands; what is not found is not asked."""

from pathlib import Path

import pytest
from stored import searcher_of

from handspun.corpus.document import Message
from handspun.corpus.questions import UNKNOWN
from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine
from handspun.generate.request import Reply, Request, Token
from handspun.generate.session import load_engine
from handspun.retrieve.answerer import Answerer, Prepared, ask
from handspun.retrieve.config import RetrieveConfig
from handspun.runs import Run
from handspun.tokens.chat import render
from tiny_run import byte_tokenizer

TEXTS = {
    "france.txt": "France is a country in Europe. Its capital is Paris.",
    "spain.txt": "Spain is a country in Europe. Its capital is Madrid.",
    "owl.txt": "The owl sings at night.",
}
QUESTION = "What is the capital of France?"


def answerer_of(folder: Path, *, max_seq_len: int = 1000, **settings: float) -> Answerer:
    searcher = searcher_of(folder, TEXTS, **settings)
    return Answerer(searcher, byte_tokenizer(), max_seq_len, searcher.index.config)


def said(prepared: Prepared, text: str, *, copied: tuple[str, str] | None = None) -> Reply:
    """A reply of one token per byte; of `copied` the first text comes from where it stands behind the second in the prompt."""
    holders = [place for place, id in enumerate(prepared.ids) for _ in byte_tokenizer().token_bytes(id)]
    prompt = byte_tokenizer().decode(prepared.ids)
    sources: dict[int, int] = {}
    if copied:
        quote, before = copied
        at, source_at = text.index(quote), prompt.index(quote, prompt.index(before))
        sources = {at + n: holders[source_at + n] for n in range(len(quote))}
    tokens = [Token(0, bytes([byte]), 0.0, sources.get(place)) for place, byte in enumerate(text.encode())]
    return Reply(Request(prepared.ids), tokens, text, "end")


def test_what_is_found_comes_as_passages_before_the_question(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path, n_passages=2)
    prepared = answerer.prepare(QUESTION, max_new_tokens=50)
    assert prepared.is_found
    assert [message.role for message in prepared.messages] == ["passage", "passage", "user"]
    assert [message.content for message in prepared.messages] == [TEXTS["france.txt"], TEXTS["spain.txt"], QUESTION]
    assert prepared.ids == render(byte_tokenizer(), prepared.messages, open_reply=True).ids.tolist()
    assert [(one.hit.chunk.source, one.is_cut) for one in prepared.sent] == [("france.txt", False), ("spain.txt", False)]


def test_what_was_copied_is_cited_at_its_characters(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path)
    prepared = answerer.prepare(QUESTION, max_new_tokens=50)
    answer = answerer.conclude(prepared, said(prepared, "It is Paris.", copied=("Paris", "France is")))
    (citation,) = answer.citations
    assert (answer.kind, answer.supported, answer.text) == ("model", True, "It is Paris.")
    assert (citation.source, citation.quote) == ("france.txt", "is Paris.")
    assert TEXTS["france.txt"][citation.start : citation.end] == "is Paris."
    assert answer.text[citation.answer_start : citation.answer_end] == "is Paris."


def test_the_space_before_a_copied_word_is_no_part_of_the_answer(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path)
    prepared = answerer.prepare(QUESTION, max_new_tokens=50)
    answer = answerer.conclude(prepared, said(prepared, " Paris.", copied=(" Paris", "France")))
    (citation,) = answer.citations
    assert (answer.text, citation.source, citation.quote) == ("Paris.", "france.txt", "Paris.")
    assert answer.text[citation.answer_start : citation.answer_end] == "Paris."


def test_of_two_passages_that_say_it_the_one_that_was_copied_is_cited(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path)
    prepared = answerer.prepare("Is France or Spain a country?", max_new_tokens=50)
    for place in ("france.txt", "spain.txt"):
        before = TEXTS[place].split()[0] + " is"
        answer = answerer.conclude(prepared, said(prepared, "in Europe", copied=("Europe", before)))
        assert [citation.source for citation in answer.citations] == [place]


def test_a_model_without_a_copy_head_is_cited_by_what_it_says(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path)
    prepared = answerer.prepare(QUESTION, max_new_tokens=50)
    assert [one.quote for one in answerer.conclude(prepared, said(prepared, "Paris")).citations] == ["Paris"]
    invented = answerer.conclude(prepared, said(prepared, "Vichy"))
    assert (invented.citations, invented.supported, invented.kind) == ((), False, "model")


def test_where_nothing_counts_as_found_the_model_is_not_asked(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path, min_score=1.0)
    prepared = answerer.prepare(f"{QUESTION} Which chancellor?", max_new_tokens=50)
    assert (prepared.is_found, prepared.ids, prepared.sent) == (False, [], ())
    for answer in (answerer.unknown(prepared), answerer.extract(prepared)):
        assert (answer.text, answer.kind, answer.supported, answer.citations) == (UNKNOWN, "unknown", False, ())
        assert answer.nearest[0].chunk.source == "france.txt"


def test_a_model_that_does_not_know_gets_no_citation_and_the_nearest_are_named(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path)
    prepared = answerer.prepare(QUESTION, max_new_tokens=50)
    answer = answerer.conclude(prepared, said(prepared, " i do not know. "))
    assert (answer.text, answer.kind, answer.citations) == (UNKNOWN, "unknown", ())
    assert answer.sent == prepared.sent
    assert answer.nearest[0].chunk.source == "france.txt"


def test_the_newest_exchanges_stay_as_far_as_there_is_room_and_system_messages_always(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path, max_seq_len=400, n_passages=1)
    system = Message("system", "Be brief.")
    exchanges = [
        message
        for number in range(5)
        for message in (Message("user", f"Question {number}?" + "x" * 50), Message("assistant", "Answer."))
    ]
    prepared = answerer.prepare(QUESTION, [system, *exchanges], max_new_tokens=40)
    assert len(prepared.ids) <= 400 - 40
    assert prepared.n_forgotten % 2 == 0 and 0 < prepared.n_forgotten < 10
    assert prepared.messages[:-2] == [system, *exchanges[prepared.n_forgotten :]]
    whole = answerer.prepare(QUESTION, [system, *exchanges[-2:]], max_new_tokens=40)
    assert whole.n_forgotten == 0


def test_a_citation_holds_behind_a_history_too(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path)
    history = [Message("passage", "Paris is old."), Message("user", "Is Paris old?"), Message("assistant", "Paris is old.")]
    prepared = answerer.prepare(QUESTION, history, max_new_tokens=50)
    (citation,) = answerer.conclude(prepared, said(prepared, "Paris", copied=("Paris", "France is"))).citations
    assert (citation.source, citation.quote) == ("france.txt", "Paris")
    answer = answerer.conclude(prepared, said(prepared, "old", copied=("old", "Paris is")))
    assert answer.citations == ()  # what a user has given to read stands in no index


def test_a_follow_up_is_looked_up_with_the_question_before_it(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path, n_passages=1)
    history = [Message("user", "Where is Spain?"), Message("assistant", "In Europe.")]
    (followed,) = answerer.prepare("And its capital?", history, max_new_tokens=50).sent
    assert followed.hit.chunk.source == "spain.txt"
    (changed,) = answerer.prepare("What sings at night?", history, max_new_tokens=50).sent
    assert changed.hit.chunk.source == "owl.txt"


def test_a_question_that_leaves_no_room_for_a_passage_is_refused(tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path, max_seq_len=120)
    with pytest.raises(PromptError, match=r"the question has 1\d\d tokens and beside it there is no room for a passage"):
        answerer.prepare(f"What is France? {'x' * 90}", max_new_tokens=20)


@pytest.fixture(scope="module")
def engine(finished_run: Path) -> Engine:
    return load_engine(Run(finished_run).finished)


def test_a_trained_model_answers_and_whatever_it_says_its_citations_hold(engine: Engine, tmp_path: Path) -> None:
    texts = {"shard.txt": "A shard holds words, and a token has a name.", "batch.txt": "A batch is read in order."}
    searcher = searcher_of(tmp_path, texts)
    answerer = Answerer(searcher, engine.tokenizer, engine.max_seq_len, RetrieveConfig(n_passages=2))
    for question in ("What is a shard?", "What is a batch?", "What is a token?"):
        answer = ask(engine, answerer, question, GenerateConfig(max_new_tokens=12))
        assert answer.kind == "model" and answer.sent
        for citation in answer.citations:
            assert citation.quote == texts[citation.source][citation.start : citation.end]
    assert ask(engine, answerer, "Qui?", GenerateConfig()).kind == "unknown"
