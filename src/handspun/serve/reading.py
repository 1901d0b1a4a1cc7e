"""A question that is answered through an index: what was found, what is sent of it, and what the reply turns out to be."""

from collections.abc import Sequence
from typing import Any

from handspun.corpus.document import Message
from handspun.errors import RefusedError
from handspun.generate.request import Reply
from handspun.retrieve.answer import Answer
from handspun.retrieve.answerer import Answerer
from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.citation import Citation
from handspun.retrieve.passages import Sent
from handspun.retrieve.prompt import size
from handspun.retrieve.searcher import Searcher
from handspun.serve.findings import CitedSpan, NearSpan, ReadPassage
from handspun.serve.models import Loaded
from handspun.serve.options import Options
from handspun.serve.prompt import Prompt, check_truncation, limit_of, room_for_reply


class Reading:
    """What was found for the last message."""

    def __init__(self, searcher: Searcher, loaded: Loaded, messages: Sequence[Message], options: Options) -> None:
        """Raises RefusedError where the user has not spoken last, PromptError where there is no room for what was said."""
        *history, question = messages
        if question.role != "user":
            raise RefusedError(
                f"an index answers what the user says, and the last message is of the {question.role}; ask something."
            )
        system, limit = loaded.entry.system, limit_of(loaded, options)
        if system and all(message.role != "system" for message in history):
            history = [Message("system", system), *history]
        self.index = options.index
        self.answerer = Answerer(searcher, loaded.tokenizer, limit, searcher.index.config)
        room = room_for_reply(limit, options, loaded)
        self.prepared = self.answerer.prepare(question.content, history, max_new_tokens=room)
        numbers = {id(message): number for number, message in enumerate(messages)}
        self.prompts = [self.prompt(history, numbers, limit, options)] if self.prepared.is_found else []
        """what the model is to read; nothing where nothing was found"""

    def prompt(self, history: Sequence[Message], numbers: dict[int, int], limit: int, options: Options) -> Prompt:
        """The ids. `numbers` are those of the messages that were sent, by their identity. Raises PromptError."""
        prepared, kept = self.prepared, {id(message) for message in self.prepared.messages}
        n_truncated = size([message for message in history if id(message) not in kept], self.answerer.tokenizer)
        if n_truncated:
            check_truncation(len(prepared.ids) + n_truncated, limit, options)
        *before, _ = prepared.messages
        return Prompt(prepared.ids, limit, n_truncated, (*(numbers.get(id(one)) for one in before), max(numbers.values())))

    @property
    def unknown(self) -> str:
        """What is said where nothing was found."""
        return self.answerer.unknown(self.prepared).text

    def findings(self, reply: Reply) -> dict[str, Any]:
        """What an answer says of where it comes from."""
        is_found = self.prepared.is_found
        answer = self.answerer.conclude(self.prepared, reply) if is_found else self.answerer.unknown(self.prepared)
        n_blank = len(reply.text) - len(reply.text.lstrip())
        return {"searched": self.index, **facts(answer, n_blank)}


def facts(answer: Answer, n_blank: int) -> dict[str, Any]:
    """An answer in the words of `Findings`; where something was found, nothing is named as merely near.

    `n_blank` characters of white space have been said before the answer begins.
    """
    near = {"nearest": [near_span(hit) for hit in answer.nearest]} if answer.kind == "unknown" else {}
    return {
        "kind": answer.kind,
        "supported": answer.supported,
        "citations": [cited_span(citation, n_blank) for citation in answer.citations],
        "sent": [read_passage(sent) for sent in answer.sent],
        "n_left_out": answer.n_left_out,
        **near,
    }


def cited_span(citation: Citation, n_blank: int) -> CitedSpan:
    """A citation, as clients get it: its place in the reply is counted from the reply's beginning."""
    return CitedSpan(
        source=citation.source,
        start=citation.start,
        end=citation.end,
        chunk_id=citation.chunk_id,
        heading=citation.heading,
        page=citation.page,
        quote=citation.quote,
        verified=citation.verified,
        answer_start=n_blank + citation.answer_start,
        answer_end=n_blank + citation.answer_end,
    )


def read_passage(sent: Sent) -> ReadPassage:
    """What was read of a passage, as clients get it."""
    span = {**span_of(sent.hit.chunk), "start": sent.start, "end": sent.end}
    return ReadPassage(**span, text=sent.text, n_tokens=sent.n_tokens, is_cut=sent.is_cut, score=sent.hit.score)


def near_span(hit: Hit) -> NearSpan:
    """What came near, as clients get it."""
    return NearSpan(**span_of(hit.chunk), score=hit.score)


def span_of(chunk: Chunk) -> dict[str, Any]:
    """Where a chunk lies."""
    place = {"source": chunk.source, "start": chunk.start, "end": chunk.end}
    return {**place, "chunk_id": chunk.id, "heading": chunk.heading, "page": chunk.page}
