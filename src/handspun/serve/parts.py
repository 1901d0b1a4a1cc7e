"""Replies in parts that may be shown, as they come."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from handspun.errors import BusyError
from handspun.generate.request import FinishReason, Piece, Reply, Request, Token
from handspun.generate.worker import Worker


@dataclass(frozen=True, slots=True)
class Part:
    """What a reply has newly said: text that is certain, and the tokens since the part before."""

    number: int
    """which of the replies"""
    reply: Reply
    text: str
    tokens: list[Token]
    finish_reason: FinishReason | None
    """why the reply ends with it; None where it goes on"""


def seeded(request: Request, n_replies: int) -> list[Request]:
    """The same request with that many seeds, one after the other."""
    configs = (replace(request.config, seed=request.config.seed + number) for number in range(n_replies))
    return [replace(request, config=config) for config in configs]


async def parts(worker: Worker, requests: Sequence[Request]) -> AsyncGenerator[Part, None]:
    """The parts of all replies as they come. Left early, all are cancelled. Raises PromptError, BusyError."""
    waiting: list[list[Token]] = [[] for _ in requests]
    async with aclosing(together(worker, requests)) as pieces:
        async for number, piece in pieces:
            if piece.finish_reason == "cancelled":
                raise BusyError("the model was unloaded before the reply had ended; ask again.")
            waiting[number] += [piece.token] if piece.token else []
            if piece.text or piece.finish_reason:
                yield Part(number, piece.reply, piece.text, waiting[number], piece.finish_reason)
                waiting[number] = []


async def gathered(made: AsyncGenerator[Part, None]) -> AsyncGenerator[Part, None]:
    """Each reply as one part, when it has ended."""
    open_parts: dict[int, list[Part]] = {}
    async with aclosing(made) as coming:
        async for part in coming:
            open_parts.setdefault(part.number, []).append(part)
            if part.finish_reason:
                said = open_parts.pop(part.number)
                text, tokens = "".join(one.text for one in said), [token for one in said for token in one.tokens]
                yield replace(part, text=text, tokens=tokens)


async def unasked(text: str, n_replies: int) -> AsyncGenerator[Part, None]:
    """Replies that say `text` without a model: no token is read or written for them."""
    for number in range(n_replies):
        yield Part(number, Reply(Request([]), text=text, finish_reason="end"), text, [], "end")


async def together(worker: Worker, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Piece], None]:
    """The pieces of several replies, each with the number of its request, until all have ended or one has failed."""
    heard: asyncio.Queue[tuple[int, Piece] | BaseException] = asyncio.Queue()

    async def listen(number: int, request: Request) -> None:
        async with aclosing(worker.pieces(request)) as pieces:
            async for piece in pieces:
                heard.put_nowait((number, piece))

    def ended(listener: asyncio.Task[None]) -> None:
        if not listener.cancelled() and (error := listener.exception()):
            heard.put_nowait(error)

    listeners = [asyncio.create_task(listen(number, request)) for number, request in enumerate(requests)]
    for listener in listeners:
        listener.add_done_callback(ended)
    n_open = len(listeners)
    try:
        while n_open:
            news = await heard.get()
            if isinstance(news, BaseException):
                raise news
            yield news
            n_open -= news[1].finish_reason is not None
    finally:
        for listener in listeners:
            listener.cancel()
