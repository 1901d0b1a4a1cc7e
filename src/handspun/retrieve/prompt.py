"""What a model reads to answer from passages: the history as far as there is room for it, the passages, the question."""

from collections.abc import Sequence
from dataclasses import dataclass

from handspun.corpus.document import Message
from handspun.errors import PromptError
from handspun.generate.session import exchange_starts
from handspun.retrieve.chunk import Hit
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.follow_up import search_query
from handspun.retrieve.passages import Sent, pack
from handspun.tokens.chat import N_FRAME
from handspun.tokens.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages that fit, and what did not."""

    messages: list[Message]
    sent: tuple[Sent, ...]
    n_left_out: int
    """of the best hits, those that there was no room for"""
    n_forgotten: int
    """of the history's messages, the oldest, that there was no room for"""


def lay_out(
    question: str, found: Sequence[Hit], history: Sequence[Message], tokenizer: Tokenizer, config: RetrieveConfig, limit: int
) -> Prompt:
    """A prompt of `limit` tokens at most: system messages and the question always, then passages, then the newest exchanges.

    Raises PromptError where there is no room for a single passage.
    """
    n_system = next((place for place, message in enumerate(history) if message.role != "system"), len(history))
    system, exchanges, asked = history[:n_system], history[n_system:], Message("user", question)
    room = limit - N_FRAME - size([*system, asked], tokenizer)
    budget, query = min(config.passage_tokens, room), search_query(question, history)
    sent, n_left_out = pack(found, query, tokenizer, n_passages=config.n_passages, passage_tokens=budget)
    if not sent:
        raise PromptError(
            f"the question has {size([asked], tokenizer):,} tokens and beside it there is no room for a passage:"
            f" of both together this model reads {limit:,} before its reply; shorten it."
        )
    kept = newest(exchanges, tokenizer, room - sum(one.n_tokens for one in sent))
    messages = [*system, *kept, *(one.message for one in sent), asked]
    return Prompt(messages, sent, n_left_out, len(exchanges) - len(kept))


def newest(history: Sequence[Message], tokenizer: Tokenizer, room: int) -> Sequence[Message]:
    """As many of the last exchanges as have `room` tokens."""
    starts = (start for start in exchange_starts(history) if size(history[start:], tokenizer) <= room)
    return history[next(starts, len(history)) :]


def size(messages: Sequence[Message], tokenizer: Tokenizer) -> int:
    """The tokens of messages, with the control tokens around each."""
    return sum(len(tokenizer.encode(message.content)) + N_FRAME for message in messages)
