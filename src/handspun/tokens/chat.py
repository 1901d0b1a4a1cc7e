"""How a conversation becomes ids: `<|endoftext|>`, then per message `<|role|>content<|end|>`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handspun.corpus.document import ROLES, Message
from handspun.errors import PromptError
from handspun.tokens.tokenizer import Tokenizer

N_FRAME = 2
"""Control tokens around the content of a message, and around all messages together."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as ids (int64) and which of them are learnt from (bool, same length)."""

    ids: np.ndarray
    loss_mask: np.ndarray
    """True for the tokens of a reply and for the <|end|> that closes it"""


def render(tokenizer: Tokenizer, messages: Sequence[Message], *, open_reply: bool = False) -> Rendered:
    """`messages` as ids; with `open_reply` the assistant's turn is opened for the model to go on.

    Raises PromptError where there is no message, or one of an unknown role.
    """
    contents = [tokenizer.encode(message.content) for message in messages]
    return assemble(tokenizer, messages, contents, open_reply=open_reply)


def assemble(
    tokenizer: Tokenizer,
    messages: Sequence[Message],
    contents: Sequence[Sequence[int] | np.ndarray],
    *,
    open_reply: bool = False,
) -> Rendered:
    """What `render` does, from `contents` that are already encoded, one per message."""
    if not messages:
        raise PromptError("there is no message to render: give at least one.")
    ids: list[np.ndarray] = [np.array([tokenizer.end_of_text])]
    mask: list[np.ndarray] = [np.array([False])]
    for message, content in zip(messages, contents, strict=True):
        ids.append(np.array([_role_id(tokenizer, message), *content, tokenizer.end_of_turn]))
        mask.append(np.full(len(ids[-1]), message.role == "assistant"))
        mask[-1][0] = False
    if open_reply:
        ids.append(np.array([tokenizer.role("assistant")]))
        mask.append(np.array([False]))
    return Rendered(np.concatenate(ids).astype(np.int64), np.concatenate(mask))


def _role_id(tokenizer: Tokenizer, message: Message) -> int:
    if message.role not in ROLES:
        raise PromptError(f'role "{message.role}" is not known: use one of {", ".join(ROLES)}.')
    return tokenizer.role(message.role)
