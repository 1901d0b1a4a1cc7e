"""A prompt that is too long is refused with both counts, or loses what is oldest where that is asked for."""

from dataclasses import dataclass, field

import pytest

from handspun.corpus.document import Message
from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.request import Token
from handspun.serve.options import Options
from handspun.serve.prompt import Prompt, continuation, conversation
from handspun.serve.quotations import Quotation, Quotations
from handspun.tokens.tokenizer import Tokenizer
from tiny_run import byte_tokenizer

RULE = Message("system", "rule")
TALK = [Message(role, text * 5) for text in "abcdef" for role in ("user", "assistant")][:-1]
"""eleven messages of seven tokens each"""


@dataclass
class Entry:
    """What a prompt needs to know of a model's name."""

    system: str | None = None
    generate: GenerateConfig = field(default_factory=lambda: GenerateConfig(max_new_tokens=8))


@dataclass
class Loaded:
    """What a prompt needs to know of a model."""

    max_seq_len: int = 64
    entry: Entry = field(default_factory=Entry)

    @property
    def tokenizer(self) -> Tokenizer:
        return byte_tokenizer()


def prompt_of(*messages: Message, truncate: bool = False, loaded: Loaded | None = None, **options: int) -> Prompt:
    return conversation(loaded or Loaded(), messages, Options(**options, truncate=truncate))


def read(prompt: Prompt) -> str:
    """The ids with control tokens by name."""
    return "".join(byte_tokenizer().spelled(id) for id in prompt.ids)


def test_messages_that_fit_are_read_as_they_are() -> None:
    prompt = prompt_of(RULE, *TALK[:3])
    assert read(prompt).startswith("<|endoftext|><|system|>rule<|end|><|user|>aaaaa<|end|><|assistant|>aaaaa<|end|><|user|>")
    assert (prompt.limit, prompt.room, prompt.n_truncated) == (64, 64 - len(prompt.ids), 0)


def test_messages_that_do_not_fit_are_refused_with_both_counts() -> None:
    with pytest.raises(PromptError, match=r"the prompt has 79 tokens and there is room for 64 with the reply; .*truncate"):
        prompt_of(*TALK)


def test_the_oldest_exchanges_are_left_out_where_that_is_asked_for_and_system_messages_stay() -> None:
    prompt = prompt_of(RULE, *TALK, truncate=True)
    assert read(prompt).startswith("<|endoftext|><|system|>rule<|end|><|user|>ddddd")
    assert read(prompt).endswith("<|user|>fffff<|end|><|assistant|>")
    assert prompt.room >= 8, "as much as the reply may want"
    assert prompt.n_truncated == 6 * 7
    assert prompt.numbers == (0, *range(7, 12))


def test_num_ctx_leaves_less_room_and_never_more() -> None:
    assert prompt_of(TALK[0], num_ctx=20).room == 11
    assert prompt_of(TALK[0], num_ctx=2000).room == 64 - 9
    with pytest.raises(PromptError, match="has 9 tokens and there is room for 9"):
        prompt_of(TALK[0], num_ctx=9)


def test_a_last_message_that_is_too_long_by_itself_is_refused() -> None:
    with pytest.raises(PromptError, match=r"the last message has 97 tokens .* room for 64 with the reply; shorten it"):
        prompt_of(*TALK[:-1], Message("user", "x" * 93), truncate=True)


def test_a_last_message_that_could_be_sent_alone_may_follow_a_long_conversation() -> None:
    last = Message("user", "x" * 59)
    assert prompt_of(*TALK[:-1], last, truncate=True).room == prompt_of(last).room == 1
    with pytest.raises(PromptError, match="room for 64 "):
        prompt_of(*TALK[:-1], Message("user", "x" * 60), truncate=True)


def test_the_system_message_that_a_model_was_created_with_comes_first_where_there_is_none() -> None:
    created = Loaded(entry=Entry(system="own"))
    assert read(prompt_of(TALK[0], loaded=created)).startswith("<|endoftext|><|system|>own<|end|><|user|>aaaaa")
    assert prompt_of(TALK[0], loaded=created).numbers == (None, 0)
    assert "own" not in read(prompt_of(RULE, TALK[0], loaded=created))


def test_a_text_loses_its_beginning_where_that_is_asked_for() -> None:
    text = "".join(chr(97 + n % 26) for n in range(100))
    whole = continuation(Loaded(), text[:40], Options())
    assert (read(whole), whole.n_truncated) == ("<|endoftext|>" + text[:40], 0)
    cut = continuation(Loaded(), text, Options(truncate=True))
    assert (read(cut), cut.room, cut.n_truncated) == (text[-56:], 8, 45)
    with pytest.raises(PromptError, match="has 101 tokens and there is room for 64"):
        continuation(Loaded(), text, Options())


def token(text: str, copied_from: int | None) -> Token:
    return Token(id=0, data=text.encode(), log_prob=0.0, copied_from=copied_from)


def test_quotations_point_at_the_messages_as_they_were_sent() -> None:
    prompt = prompt_of(TALK[0], loaded=Loaded(entry=Entry(system="own")))
    quotations = Quotations(byte_tokenizer(), prompt)
    own, first = read_up_to(prompt, "own"), read_up_to(prompt, "aaaaa")
    said = [token("a", first + 1), token("a", first + 2), token("!", None), token("a", first), token("o", own), token("?", 0)]
    assert quotations.among(said) == [
        Quotation(text="aa", message=0, start=1, end=3),
        Quotation(text="a", message=0, start=0, end=1),
    ]


def read_up_to(prompt: Prompt, text: str) -> int:
    """The place of the first token of a text, of which each letter is a token."""
    names = [byte_tokenizer().spelled(id) for id in prompt.ids]
    return next(place for place in range(len(names)) if names[place : place + len(text)] == list(text))


def test_a_text_that_is_gone_on_with_has_no_messages_to_point_at() -> None:
    prompt = continuation(Loaded(), "aaaa", Options())
    assert Quotations(byte_tokenizer(), prompt).among([token("a", 2)]) == []
