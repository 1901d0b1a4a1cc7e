"""What a model is to read: messages or a text as ids, and what to leave out where they are too long."""

from collections.abc import Sequence
from dataclasses import dataclass

from handspun.corpus.document import Message
from handspun.errors import PromptError
from handspun.generate.engine import SHARE_FOR_REPLY
from handspun.generate.session import exchange_starts
from handspun.serve.models import Loaded
from handspun.serve.options import Options
from handspun.tokens.chat import N_FRAME, assemble

TRUNCATE = '"truncate": true (with a client of Ollama: "options": {"truncate": true})'
"""How a client asks for less of what it sent to be read."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The ids that a model is to read."""

    ids: list[int]
    limit: int
    """tokens that they and the reply may have together"""
    n_truncated: int = 0
    """tokens of what was sent that were left out"""
    numbers: tuple[int | None, ...] = ()
    """of the messages it holds, as they were sent; None for one that was not"""

    @property
    def room(self) -> int:
        """Tokens that the reply may have."""
        return self.limit - len(self.ids)


def conversation(loaded: Loaded, messages: Sequence[Message], options: Options) -> Prompt:
    """Messages, and the opening of a reply. The model's own system message comes first where there is none.

    Raises PromptError where they are too long; where the options say `truncate`, the oldest exchanges are left out.
    """
    tokenizer, system, limit = loaded.tokenizer, loaded.entry.system, limit_of(loaded, options)
    numbers: list[int | None] = list(range(len(messages)))
    if system and all(message.role != "system" for message in messages):
        messages, numbers = [Message("system", system), *messages], [None, *numbers]
    contents = [tokenizer.encode(message.content) for message in messages]
    sizes = [len(content) + N_FRAME for content in contents]
    n_tokens, kept = sum(sizes) + N_FRAME, list(range(len(messages)))
    if n_tokens >= limit:
        check_truncation(n_tokens, limit, options)
        kept = newest(messages, sizes, limit - N_FRAME, room_for_reply(limit, options, loaded))
    said = [contents[place] for place in kept]
    ids = assemble(tokenizer, [messages[place] for place in kept], said, open_reply=True).ids.tolist()
    return Prompt(ids, limit, n_tokens - len(ids), tuple(numbers[place] for place in kept))


def newest(messages: Sequence[Message], sizes: Sequence[int], limit: int, room: int) -> list[int]:
    """The system messages at the beginning, and as many of the newest exchanges as leave `room` for a reply.

    The last exchange may leave less. Raises PromptError where even that has `limit` tokens.
    """
    n_system = next((place for place, message in enumerate(messages) if message.role != "system"), len(messages))
    kept: list[int] = []
    for start in exchange_starts(messages[n_system:]):
        kept = [*range(n_system), *range(n_system + start, len(messages))]
        if sum(sizes[place] for place in kept) + room <= limit:
            return kept
    n_tokens = sum(sizes[place] for place in kept)
    if n_tokens < limit:
        return kept
    raise PromptError(
        f"the last message has {n_tokens + N_FRAME:,} tokens with what belongs to it and there is room for"
        f" {limit + N_FRAME:,} with the reply; shorten it."
    )


def continuation(loaded: Loaded, text: str, options: Options) -> Prompt:
    """A text to go on with. Its beginning is left out where it is too long and the options say `truncate`.

    Raises PromptError where it is too long otherwise.
    """
    ids, limit = [loaded.tokenizer.end_of_text, *loaded.tokenizer.encode(text)], limit_of(loaded, options)
    if len(ids) < limit:
        return Prompt(ids, limit)
    check_truncation(len(ids), limit, options)
    n_truncated = len(ids) - (limit - room_for_reply(limit, options, loaded))
    return Prompt(ids[n_truncated:], limit, n_truncated)


def limit_of(loaded: Loaded, options: Options) -> int:
    """Tokens of a prompt and its reply together: num_ctx only lowers it, so that no model is loaded anew for it."""
    return min(options.num_ctx or loaded.max_seq_len, loaded.max_seq_len)


def room_for_reply(limit: int, options: Options, loaded: Loaded) -> int:
    """Tokens to keep free for the reply where a prompt is truncated."""
    wanted = options.num_predict or loaded.entry.generate.max_new_tokens
    return max(1, min(wanted if wanted > 0 else limit, limit // SHARE_FOR_REPLY))


def check_truncation(n_tokens: int, limit: int, options: Options) -> None:
    """Raises PromptError with both counts where a prompt that is too long must not be truncated."""
    if not options.truncate:
        remedy = f"shorten it, or send {TRUNCATE} to leave out what is oldest"
        raise PromptError(f"the prompt has {n_tokens:,} tokens and there is room for {limit:,} with the reply; {remedy}.")
