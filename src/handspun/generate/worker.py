"""An engine on a thread of its own, for callers that wait elsewhere: a server's event loop above all."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from jaxtyping import Float
from torch import Tensor

from handspun.errors import BusyError
from handspun.generate.engine import Engine
from handspun.generate.request import Piece, Reply, Request

News = Piece | BaseException
Listener = Callable[[News], object]


class Worker:
    """Owns an engine: only its thread touches it, one job or one step at a time, in the order in which they were asked for.

    What goes wrong in a step is raised where the pieces are awaited; the engine gives up what it was at, and goes on with
    what is asked next.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self.listeners: dict[Reply, Listener] = {}
        self.is_stepping, self.is_closed = False, False

    @property
    def n_open(self) -> int:
        """Requests that have not ended."""
        return len(self.listeners)

    async def pieces(self, request: Request) -> AsyncGenerator[Piece]:
        """The reply as it comes. Left early, the request is cancelled. Raises PromptError, BusyError."""
        loop, heard = asyncio.get_running_loop(), asyncio.Queue[News]()
        asked = self.submit(self.take, request, lambda news: loop.call_soon_threadsafe(heard.put_nowait, news))
        try:
            await asyncio.wrap_future(asked)
            while True:
                news = await heard.get()
                if isinstance(news, BaseException):
                    raise news
                yield news
                if news.finish_reason:
                    return
        finally:
            with suppress(BusyError):  # a worker that has closed has cancelled it already
                self.submit(self.drop, asked)

    async def embed(self, texts: Sequence[Sequence[int]]) -> Float[Tensor, "N D"]:
        """What the engine's `embed` returns. Raises PromptError, BusyError."""
        return await asyncio.wrap_future(self.submit(self.engine.embed, texts))

    def close(self) -> None:
        """End the thread; what is still open is cancelled, and its listeners are told."""
        if not self.is_closed:
            self.submit(self.stop)
        self.thread.shutdown()

    def submit(self, job: Callable[..., Any], *args: object) -> Future[Any]:
        """Have the thread do a job behind those it was given before. Raises BusyError where it has closed."""
        try:
            return self.thread.submit(job, *args)
        except RuntimeError as error:
            raise BusyError("the model is being unloaded; ask again.") from error

    def take(self, request: Request, listen: Listener) -> Reply:
        """On the thread: give a request to the engine. Raises PromptError, BusyError."""
        if self.is_closed:
            raise BusyError("the model is being unloaded; ask again.")
        reply = self.engine.add(request)
        self.listeners[reply] = listen
        self.go_on()
        return reply

    def drop(self, asked: Future[Reply]) -> None:
        """On the thread: give up what was asked for, where it was taken."""
        if not asked.cancelled() and asked.exception() is None:
            self.engine.cancel(asked.result())
            self.listeners.pop(asked.result(), None)

    def go_on(self) -> None:
        """On the thread: see to it that a step comes behind the jobs that came before it."""
        if self.is_stepping or self.engine.is_idle:
            return
        with suppress(RuntimeError):  # the thread is to end, and `stop` is the last of its jobs
            step = self.thread.submit(self.engine.step)
            self.is_stepping = True
            step.add_done_callback(self.hear)

    def hear(self, step: Future[list[Piece]]) -> None:
        """On the thread: pass on what a step said, or what went wrong in it."""
        self.is_stepping = False
        error = step.exception()
        if error is None:
            for piece in step.result():
                self.tell(piece.reply, piece)
        else:
            self.give_up(error)
        self.go_on()

    def tell(self, reply: Reply, news: News) -> None:
        """On the thread: pass news on to who asked. Where nobody can hear them any more, the request is cancelled."""
        listen = self.listeners.pop(reply, None)
        if listen is None:
            return
        if reply.finish_reason is None:
            self.listeners[reply] = listen
        try:
            listen(news)
        except RuntimeError:  # the event loop has closed
            self.engine.cancel(reply)
            self.listeners.pop(reply, None)

    def give_up(self, error: BaseException) -> None:
        """On the thread: cancel all that is open, and say why."""
        for reply in list(self.listeners):
            self.engine.cancel(reply)
            self.tell(reply, error)

    def stop(self) -> None:
        """On the thread: cancel all that is open, and take nothing more."""
        self.is_closed = True
        for reply in list(self.listeners):
            self.engine.cancel(reply)
            self.tell(reply, Piece(reply, ""))
