"""Answers out of an index: what is looked up, what the model reads of it, and what of its answer stands there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from handspun.corpus.document import Message
from handspun.corpus.questions import UNKNOWN
from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import SHARE_FOR_REPLY, Engine
from handspun.generate.request import Reply
from handspun.generate.session import exchange_starts
from handspun.retrieve.chunk import Hit
from handspun.retrieve.citation import Citation, Citer, cite
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.extract import best_excerpt
from handspun.retrieve.passages import Sent, pack
from handspun.retrieve.provenance import copied
from handspun.tokens.chat import N_FRAME, render
from handspun.tokens.place import places
from handspun.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from handspun.retrieve.searcher import Searcher

Kind = Literal["model", "extractive", "unknown"]
N_HITS = 10
"""that are looked at for each question; the best of them are put before the model, or the nearest are named"""
N_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question with what was found for it, and the prompt that the model is to answer."""

    question: str
    hits: tuple[Hit, ...]
    """best first; where nothing counts as found, what was nearest"""
    is_found: bool
    """False: the model is not to be asked, and the answer is that it is not known"""
    messages: list[Message] = field(default_factory=list)
    """the history as far as there is room for it, the passages, the question"""
    ids: list[int] = field(default_factory=list)
    """the messages with the reply opened"""
    sent: tuple[Sent, ...] = ()
    n_left_out: int = 0
    """of the best hits, those that there was no room for"""
    n_forgotten: int = 0
    """of the history's messages, those that there was no room for"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a question, and what of it stands in the index."""

    text: str
    citations: tuple[Citation, ...]
    """verified ones only"""
    supported: bool
    """whether they cover what the text says"""
    kind: Kind
    sent: tuple[Sent, ...]
    n_left_out: int
    nearest: tuple[Hit, ...]
    """where nothing was found or the model does not know, what came nearest"""


class Answerer:
    """An index and the room that a model has to read. Any thread may use it."""

    def __init__(self, searcher: "Searcher", tokenizer: Tokenizer, max_seq_len: int, config: RetrieveConfig) -> None:
        self.searcher, self.tokenizer, self.max_seq_len, self.config = searcher, tokenizer, max_seq_len, config

    def prepare(self, question: str, history: Sequence[Message] = (), *, max_new_tokens: int) -> Prepared:
        """Look a question up and lay out what the model reads. Raises PromptError where there is no room for it."""
        hits = tuple(self.searcher.search(question, N_HITS))
        found = [hit for hit in hits if hit.score >= self.searcher.min_score]
        if not found:
            return Prepared(question, hits, is_found=False)
        room = self.max_seq_len - min(max_new_tokens, self.max_seq_len // SHARE_FOR_REPLY) - N_FRAME
        n_system = next((place for place, message in enumerate(history) if message.role != "system"), len(history))
        system, asked = list(history[:n_system]), Message("user", question)
        room -= self.size([*system, asked])
        sent, n_left_out = pack(
            found,
            self.tokenizer,
            n_passages=self.config.n_passages,
            passage_tokens=min(self.config.passage_tokens, room),
        )
        if not sent:
            raise PromptError(
                f"the question has {self.size([asked]):,} tokens and beside it there is no room for a passage:"
                f" this model reads {self.max_seq_len:,} with its reply; shorten it."
            )
        kept = self.newest(history[n_system:], room - sum(one.n_tokens for one in sent))
        messages = [*system, *kept, *(one.message for one in sent), asked]
        ids = render(self.tokenizer, messages, open_reply=True).ids.tolist()
        n_forgotten = len(history) - n_system - len(kept)
        return Prepared(question, hits, True, messages, ids, sent, n_left_out, n_forgotten)

    def newest(self, history: Sequence[Message], room: int) -> Sequence[Message]:
        """As many of the last exchanges as have `room` tokens."""
        starts = (start for start in exchange_starts(history) if self.size(history[start:]) <= room)
        return history[next(starts, len(history)) :]

    def size(self, messages: Sequence[Message]) -> int:
        """How many tokens messages have with the control tokens around them."""
        return sum(len(self.tokenizer.encode(message.content)) + N_FRAME for message in messages)

    def conclude(self, prepared: Prepared, reply: Reply) -> Answer:
        """What the model has said, with the citations that hold."""
        if reply.text.strip().lower() == UNKNOWN.lower():
            return self.unknown(prepared)
        citer = Citer(prepared.question, reply.text, prepared.sent, self.searcher.index.store)
        first = len(prepared.messages) - 1 - len(prepared.sent)
        sent = {first + number: (number, one) for number, one in enumerate(prepared.sent)}
        citations = citer.citations(list(copied(reply.tokens, places(self.tokenizer, prepared.ids), sent)))
        is_supported = citer.is_supported(citations)
        return Answer(reply.text, citations, is_supported, "model", prepared.sent, prepared.n_left_out, ())

    def unknown(self, prepared: Prepared) -> Answer:
        """That it is not known, and what came nearest."""
        return Answer(UNKNOWN, (), False, "unknown", prepared.sent, prepared.n_left_out, prepared.hits[:N_NEAREST])

    def extract(self, prepared: Prepared) -> Answer:
        """The best sentence of the hits, which no model has touched."""
        return extracted(self.searcher, prepared.question, prepared.hits)


def extracted(searcher: "Searcher", question: str, hits: Sequence[Hit]) -> Answer:
    """The best sentence of what was found, cited; where nothing counts as found, that it is not known."""
    found = [hit for hit in hits if hit.score >= searcher.min_score]
    excerpt = best_excerpt(question, found)
    if excerpt is None:
        return Answer(UNKNOWN, (), False, "unknown", (), 0, tuple(hits[:N_NEAREST]))
    chunk = excerpt.hit.chunk
    start, end = chunk.start + excerpt.start, chunk.start + excerpt.end
    citation = cite(searcher.index.store, chunk, start, end, excerpt.text)
    return Answer(excerpt.text, (citation,) if citation else (), citation is not None, "extractive", (), 0, ())


def ask(engine: Engine, answerer: Answerer, question: str, config: GenerateConfig) -> Answer:
    """The answer to one question, whole. Raises PromptError."""
    prepared = answerer.prepare(question, max_new_tokens=config.max_new_tokens)
    if not prepared.is_found:
        return answerer.unknown(prepared)
    (reply,) = engine.generate([prepared.ids], config)
    return answerer.conclude(prepared, reply)
