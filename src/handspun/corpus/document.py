"""The small records that flow through the corpus: a document, a conversation, a question."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal["system", "passage", "user", "assistant"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Document:
    """A text to learn from. `metadata["group"]`, where present, names the documents that must share its side of the split."""

    text: str
    id: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. A passage is text put before the model to read, ahead of the user's words."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order; the assistant's are what the model learns to say."""

    messages: tuple[Message, ...]
    id: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out question about one object, with the passage that answers it and one that does not."""

    id: str
    object: str
    kind: str
    question: str
    answer: str
    passage: str
    wrong_passage: str
