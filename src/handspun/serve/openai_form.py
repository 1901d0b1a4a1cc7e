"""How OpenAI's two kinds of completions write a reply: as messages, or as plain text."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any

from handspun.serve.logprobs import bounded, logprob, spelled
from handspun.serve.openai_wire import (
    Answered,
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    ChatLogprobs,
    Choice,
    Completion,
    CompletionChoice,
    CompletionLogprobs,
    Delta,
    FinishReason,
    ReplyMessage,
)
from handspun.serve.parts import Part
from handspun.serve.quotations import Quotation
from handspun.tokens.place import is_continuation

FINISH_REASONS: dict[str | None, FinishReason] = {"end": "stop", "stop": "stop", "length": "length"}


class Form(ABC):
    """Writes the replies to one request."""

    prefix: str
    """of the id of an answer"""

    def __init__(self, *, has_logprobs: bool) -> None:
        self.has_logprobs = has_logprobs

    @abstractmethod
    def answer(self, choices: Sequence[Any], head: dict[str, Any]) -> Answered:
        """The whole answer."""

    @abstractmethod
    def chunk(self, choices: Sequence[Any], head: dict[str, Any]) -> Answered:
        """A chunk of a stream."""

    @abstractmethod
    def whole(self, part: Part, quoted: list[Quotation]) -> Choice:
        """A reply that is one part."""

    @abstractmethod
    def opening(self, number: int, /) -> list[Choice]:
        """What comes before the first part of a reply."""

    @abstractmethod
    def said(self, part: Part, quoted: list[Quotation]) -> Choice:
        """A part of a reply."""

    @abstractmethod
    def end(self, part: Part) -> Choice:
        """What comes after the last part of a reply."""


class ChatForm(Form):
    """Replies as messages of the assistant."""

    prefix = "chatcmpl-"

    def answer(self, choices: Sequence[ChatChoice], head: dict[str, Any]) -> ChatCompletion:
        return ChatCompletion(object="chat.completion", choices=list(choices), **head)

    def chunk(self, choices: Sequence[ChatChunkChoice], head: dict[str, Any]) -> ChatChunk:
        return ChatChunk(object="chat.completion.chunk", choices=list(choices), **head)

    def whole(self, part: Part, quoted: list[Quotation]) -> ChatChoice:
        message = ReplyMessage(role="assistant", content=part.text, refusal=None)
        return ChatChoice(
            index=part.number, message=message, logprobs=self.logprobs(part), finish_reason=reason(part), **source(quoted)
        )

    def opening(self, number: int, /) -> list[Choice]:
        return [ChatChunkChoice(index=number, delta=Delta(role="assistant", content=""), logprobs=None, finish_reason=None)]

    def said(self, part: Part, quoted: list[Quotation]) -> ChatChunkChoice:
        delta = Delta(content=part.text)
        return ChatChunkChoice(
            index=part.number, delta=delta, logprobs=self.logprobs(part), finish_reason=None, **source(quoted)
        )

    def end(self, part: Part) -> ChatChunkChoice:
        return ChatChunkChoice(index=part.number, delta=Delta(), logprobs=None, finish_reason=reason(part))

    def logprobs(self, part: Part) -> ChatLogprobs | None:
        """How likely its tokens were, where that is asked for."""
        return ChatLogprobs(content=list(map(logprob, part.tokens)), refusal=None) if self.has_logprobs else None


class TextForm(Form):
    """Replies as texts that go on."""

    prefix = "cmpl-"

    def __init__(self, *, has_logprobs: bool) -> None:
        super().__init__(has_logprobs=has_logprobs)
        self.n_characters: Counter[int] = Counter()
        """of each reply so far"""

    def answer(self, choices: Sequence[CompletionChoice], head: dict[str, Any]) -> Completion:
        return Completion(object="text_completion", choices=list(choices), **head)

    def chunk(self, choices: Sequence[CompletionChoice], head: dict[str, Any]) -> Completion:
        return self.answer(choices, head)

    def whole(self, part: Part, quoted: list[Quotation]) -> CompletionChoice:
        return self.said(part, quoted).model_copy(update={"finish_reason": reason(part)})

    def opening(self, _: int, /) -> list[Choice]:
        return []

    def said(self, part: Part, quoted: list[Quotation]) -> CompletionChoice:
        return CompletionChoice(
            index=part.number, text=part.text, logprobs=self.logprobs(part), finish_reason=None, **source(quoted)
        )

    def end(self, part: Part) -> CompletionChoice:
        return CompletionChoice(index=part.number, text="", logprobs=None, finish_reason=reason(part))

    def logprobs(self, part: Part) -> CompletionLogprobs | None:
        """How likely its tokens were, where that is asked for."""
        if not self.has_logprobs:
            return None
        return CompletionLogprobs(
            tokens=[spelled(token) for token in part.tokens],
            token_logprobs=[bounded(token) for token in part.tokens],
            top_logprobs=[{spelled(one): bounded(one) for one in token.likeliest} for token in part.tokens],
            text_offset=[self.offset(part.number, token.data) for token in part.tokens],
        )

    def offset(self, number: int, data: bytes) -> int:
        """Where the next token of a reply begins; one that begins within a character begins where that does."""
        offset = self.n_characters[number] - is_continuation(data[0])
        self.n_characters[number] += sum(not is_continuation(byte) for byte in data)
        return offset


def reason(part: Part) -> FinishReason | None:
    """Why a reply ends."""
    return FINISH_REASONS[part.finish_reason] if part.finish_reason else None


def source(quoted: list[Quotation]) -> dict[str, Any]:
    """What was quoted, where something was."""
    return {"copied_from": quoted} if quoted else {}
