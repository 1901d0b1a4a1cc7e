"""An engine on a thread of its own, for callers that wait elsewhere: a server's event loop above all."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future

from jaxtyping import Float
from torch import Tensor

from handspun.errors import HandspunError
from handspun.generate.engine import Engine
from handspun.generate.request import Piece, Reply, Request

Job = Callable[[], None]
Listener = Callable[[Piece | Exception], object]


class Worker:
    """Owns an engine: jobs come through a queue, and only its thread touches the engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.listeners: dict[Reply, Listener] = {}
        self.thread = threading.Thread(target=self.work, name="engine", daemon=True)
        self.thread.start()

    @property
    def n_open(self) -> int:
        """Requests that have not ended."""
        return len(self.listeners)

    async def pieces(self, request: Request) -> AsyncIterator[Piece]:
        """The reply as it comes. Left early, the request is cancelled. Raises PromptError."""
        loop, heard = asyncio.get_running_loop(), asyncio.Queue[Piece | Exception]()
        asked = self.ask(request, lambda news: loop.call_soon_threadsafe(heard.put_nowait, news))
        try:
            while True:
                news = await heard.get()
                if isinstance(news, Exception):
                    raise news
                yield news
                if news.reply.finish_reason:
                    return
        finally:
            self.jobs.put(lambda: self.cancel(asked))

    async def embed(self, texts: Sequence[Sequence[int]]) -> Float[Tensor, "N D"]:
        """What the engine's `embed` returns."""
        done: Future[Tensor] = Future()

        def job() -> None:
            try:
                done.set_result(self.engine.embed(texts))
            except HandspunError as error:
                done.set_exception(error)

        self.jobs.put(job)
        return await asyncio.wrap_future(done)

    def close(self) -> None:
        """End the thread; what is still open is cancelled."""
        self.jobs.put(None)
        self.thread.join()

    def ask(self, request: Request, listen: Listener) -> "Future[Reply]":
        """Hand a request to the thread, which tells `listen` every piece, or the error that ends it."""
        asked: Future[Reply] = Future()

        def job() -> None:
            try:
                reply = self.engine.add(request)
            except HandspunError as error:
                listen(error)
            else:
                self.listeners[reply] = listen
                asked.set_result(reply)

        self.jobs.put(job)
        return asked

    def cancel(self, asked: "Future[Reply]") -> None:
        """On the thread: give up a request that was taken."""
        if asked.done():
            self.engine.cancel(asked.result())
            self.listeners.pop(asked.result(), None)

    def work(self) -> None:
        """Do what was asked for, one step of the engine at a time."""
        while True:
            while not self.jobs.empty() or self.engine.is_idle:
                job = self.jobs.get()
                if job is None:
                    self.stop()
                    return
                job()
            for piece in self.engine.step():
                self.tell(piece)

    def tell(self, piece: Piece) -> None:
        """Pass a piece on to who asked for it."""
        listener = self.listeners.get(piece.reply)
        if listener:
            listener(piece)
        if piece.reply.finish_reason:
            self.listeners.pop(piece.reply, None)

    def stop(self) -> None:
        """Cancel what is open and say so."""
        for reply, listen in self.listeners.items():
            self.engine.cancel(reply)
            listen(Piece(reply, ""))
        self.listeners.clear()
