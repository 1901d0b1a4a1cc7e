"""Answers questions out of an index: looks up, lets the model read, and cites what its answer repeats."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from handspun.corpus.document import Message
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import SHARE_FOR_REPLY, Engine
from handspun.generate.request import Reply
from handspun.retrieve.answer import Answer, says_unknown, unknown
from handspun.retrieve.chunk import Hit
from handspun.retrieve.citation import Citer
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.extract import extract
from handspun.retrieve.follow_up import search_query
from handspun.retrieve.passages import Sent
from handspun.retrieve.prompt import lay_out
from handspun.retrieve.provenance import copied
from handspun.retrieve.searcher import MAX_QUERY_CHARACTERS, Searcher
from handspun.tokens.chat import render
from handspun.tokens.place import places
from handspun.tokens.tokenizer import Tokenizer

N_HITS = 10
"""that are looked at for each question"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question with what was found for it, and the prompt that the model is to answer."""

    question: str
    hits: tuple[Hit, ...]
    """all that came up, best first"""
    is_found: bool
    """False: none counts as found; the model is not asked, and the answer is that it is not known"""
    messages: list[Message] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    """the messages, and the opening of the reply"""
    sent: tuple[Sent, ...] = ()
    n_left_out: int = 0
    """of the best hits, those that there was no room for"""
    n_forgotten: int = 0
    """of the history's messages, the oldest, that there was no room for"""


class Answerer:
    """An index, and the room that a model has to read. Any thread may use it."""

    def __init__(self, searcher: Searcher, tokenizer: Tokenizer, max_seq_len: int, config: RetrieveConfig) -> None:
        self.searcher, self.tokenizer, self.max_seq_len, self.config = searcher, tokenizer, max_seq_len, config

    def prepare(self, question: str, history: Sequence[Message] = (), *, max_new_tokens: int) -> Prepared:
        """Look a question up and lay out what the model reads. Raises PromptError where there is no room for it."""
        hits, found = look_up(self.searcher, question, history)
        if not found:
            return Prepared(question, hits, is_found=False)
        limit = self.max_seq_len - min(max_new_tokens, self.max_seq_len // SHARE_FOR_REPLY)
        prompt = lay_out(question, found, history, self.tokenizer, self.config, limit)
        ids = render(self.tokenizer, prompt.messages, open_reply=True).ids.tolist()
        return Prepared(question, hits, True, prompt.messages, ids, prompt.sent, prompt.n_left_out, prompt.n_forgotten)

    def conclude(self, prepared: Prepared, reply: Reply) -> Answer:
        """What the model has said to what was prepared, white space before it aside, with the citations that hold."""
        n_read = len(prepared.ids)
        if says_unknown(reply.text):
            return unknown(prepared.hits, prepared.sent, prepared.n_left_out, n_read)
        first_sent = len(prepared.messages) - 1 - len(prepared.sent)
        numbers = {first_sent + number: number for number in range(len(prepared.sent))}
        text = reply.text.lstrip()
        n_blank = len(reply.text) - len(text)
        quoted = copied(reply.tokens, places(self.tokenizer, prepared.ids), prepared.sent, numbers)
        citer = Citer(prepared.question, text, prepared.sent, self.searcher.index.store)
        citations = citer.citations([replace(one, at=one.at - n_blank) for one in quoted])
        is_supported = citer.is_supported(citations)
        return Answer(text, citations, is_supported, "model", prepared.sent, prepared.n_left_out, n_read=n_read)

    def unknown(self, prepared: Prepared) -> Answer:
        """That it is not known, and what came nearest."""
        return unknown(prepared.hits)

    def extract(self, prepared: Prepared) -> Answer:
        """The best sentence of what was found, for which no model is needed."""
        return extract(prepared.question, self.searcher, prepared.hits)


def look_up(searcher: Searcher, question: str, history: Sequence[Message] = ()) -> tuple[tuple[Hit, ...], list[Hit]]:
    """All that comes up for a question, best first, and what of it counts as found."""
    hits = searcher.search(search_query(question, history)[-MAX_QUERY_CHARACTERS:], N_HITS)
    return tuple(hits), [hit for hit in hits if hit.score >= searcher.min_score]


def ask(engine: Engine, answerer: Answerer, question: str, config: GenerateConfig) -> Answer:
    """The answer to one question, whole. Raises PromptError."""
    (answer,) = ask_all(engine, answerer, [question], config)
    return answer


def ask_all(engine: Engine, answerer: Answerer, questions: Sequence[str], config: GenerateConfig) -> list[Answer]:
    """The answers to questions that have nothing to do with each other, read side by side. Raises PromptError."""
    prepared = [answerer.prepare(question, max_new_tokens=config.max_new_tokens) for question in questions]
    replies = iter(engine.generate([one.ids for one in prepared if one.is_found], config))
    return [answerer.conclude(one, next(replies)) if one.is_found else answerer.unknown(one) for one in prepared]
