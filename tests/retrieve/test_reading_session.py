"""A conversation goes on from message to message, each with what is looked up for it."""

from pathlib import Path

import pytest
from stored import searcher_of

from handspun.corpus.questions import UNKNOWN
from handspun.generate.config import GenerateConfig
from handspun.generate.session import ChatSession, load_engine
from handspun.retrieve.session import ReadingSession
from handspun.runs import Run


@pytest.fixture
def reading(finished_run: Path, tmp_path: Path) -> ReadingSession:
    chat = ChatSession(load_engine(Run(finished_run).finished), GenerateConfig(max_new_tokens=8))
    return ReadingSession(
        chat, searcher_of(tmp_path, {"shard.txt": "A shard holds words.", "token.txt": "A token has a name."})
    )


def test_what_was_said_is_remembered_without_its_passages(reading: ReadingSession) -> None:
    said = "".join(reading.say("What is a shard?"))
    assert reading.answer is not None and reading.answer.sent[0].hit.chunk.source == "shard.txt"
    assert [(one.role, one.content) for one in reading.chat.messages] == [("user", "What is a shard?"), ("assistant", said)]
    "".join(reading.say("And why does it?"))
    assert reading.answer.sent[0].hit.chunk.source == "shard.txt"
    assert len(reading.chat.messages) == 4


def test_what_is_not_found_is_said_without_the_model(reading: ReadingSession) -> None:
    assert list(reading.say("Qui vive?")) == [UNKNOWN]
    assert reading.answer is not None and reading.answer.kind == "unknown"


def test_what_is_asked_of_the_model_itself_is_not_looked_up(reading: ReadingSession) -> None:
    "".join(reading.say("What is a shard?"))
    "".join(reading.say("Who are you?"))
    assert reading.answer is None
    assert [one.content for one in reading.chat.messages if one.role == "user"] == ["What is a shard?", "Who are you?"]


def test_a_reply_that_is_not_taken_to_its_end_leaves_the_conversation_as_it_was(reading: ReadingSession) -> None:
    texts = reading.say("What is a shard?")
    next(texts)
    texts.close()
    assert reading.chat.messages == []
    assert reading.answer is None


def test_the_oldest_exchanges_are_forgotten_where_the_context_is_full(reading: ReadingSession) -> None:
    for _ in range(8):
        "".join(reading.say("What is a shard?"))
    assert reading.chat.n_forgotten > 0
    assert len(reading.chat.messages) < 16
