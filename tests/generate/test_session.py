"""A conversation is remembered as long as it fits, and forgotten from its beginning."""

from pathlib import Path

import pytest
import torch
from small_models import reciting_model

from handspun.checkpoint import load_checkpoint
from handspun.corpus.document import Message
from handspun.errors import CheckpointError, PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.session import ChatSession, exchange_starts, load_engine
from handspun.generate.torch_engine import TorchEngine
from handspun.tokens.chat import render
from handspun.tokens.tokenizer import Tokenizer


@pytest.fixture
def session(tokenizer: Tokenizer) -> ChatSession:
    """With a model that replies for as long as it may."""
    engine = TorchEngine(reciting_model([tokenizer.encode("a")[0]] * 64, tokenizer.vocab_size), tokenizer)
    return ChatSession(engine, GenerateConfig(max_new_tokens=6))


def roles(session: ChatSession) -> list[str]:
    """Whose messages are remembered."""
    return [message.role for message in session.messages]


def test_messages_and_replies_are_remembered_in_order(session: ChatSession) -> None:
    assert "".join(session.say("Hi", passage="It is so.")) == "aaaaaa"
    assert "".join(session.say("Why?")) == "aaaaaa"
    assert roles(session) == ["passage", "user", "assistant", "user", "assistant"]
    assert session.messages[2] == Message("assistant", "aaaaaa")
    assert session.n_forgotten == 0


def test_the_model_reads_the_whole_conversation(copying_engine: TorchEngine) -> None:
    session, config = ChatSession(copying_engine, GenerateConfig(max_new_tokens=4)), GenerateConfig(max_new_tokens=4)
    first = "".join(session.say("Hi"))
    messages = [Message("user", "Hi"), Message("assistant", first), Message("user", "Why?")]
    ids = render(copying_engine.tokenizer, messages, open_reply=True).ids.tolist()
    assert "".join(session.say("Why?")) == copying_engine.generate([ids], config)[0].text


def test_the_oldest_exchange_is_forgotten_whole_where_there_is_no_room(session: ChatSession) -> None:
    forgotten = []
    for _ in range(5):
        list(session.say("Hi", passage="It is."))
        forgotten.append(session.n_forgotten)
        assert len(roles(session)) % 3 == 0 and roles(session)[:3] == ["passage", "user", "assistant"]
    assert forgotten[0] == 0
    assert forgotten[-1] == 3


def test_a_message_that_does_not_fit_alone_is_refused_and_changes_nothing(session: ChatSession) -> None:
    list(session.say("Hi"))
    with pytest.raises(PromptError, match=r"the message has \d+ tokens and this model reads 64 with its reply"):
        list(session.say("What is it? " * 30))
    assert roles(session) == ["user", "assistant"]


def test_a_reply_that_is_not_heard_out_leaves_the_conversation_as_it_was(session: ChatSession) -> None:
    reply = session.say("Hi")
    next(reply)
    reply.close()
    assert session.messages == []


def test_an_exchange_begins_after_each_reply() -> None:
    conversation = [Message(role, "x") for role in ("passage", "user", "assistant", "user", "assistant", "passage", "user")]
    assert exchange_starts(conversation) == [0, 3, 5]


def test_a_loaded_engine_computes_what_its_checkpoint_does(finished_run: Path) -> None:
    engine, checkpoint = load_engine(finished_run / "tuned", torch.float32), load_checkpoint(finished_run / "tuned")
    model, ids = checkpoint.load_model().eval(), torch.tensor([[20, 30, 40]])
    assert next(engine.model.parameters()).dtype == torch.float32
    torch.testing.assert_close(engine.model.logits(engine.model(ids)), model.logits(model(ids)))


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load_engine(tmp_path)
