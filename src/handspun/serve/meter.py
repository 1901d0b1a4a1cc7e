"""What is counted while serving, for Prometheus: requests, tokens, times, and how full it is."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from handspun.generate.engine import Engine
from handspun.generate.request import Piece, Reply, Request
from handspun.generate.worker import Worker

if TYPE_CHECKING:
    from handspun.serve.models import Models

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

GAUGES = {
    "n_running": ("handspun_replies_running", "Replies that are being written."),
    "n_waiting": ("handspun_queue_length", "Requests that wait for room."),
    "held_tokens": ("handspun_kv_tokens_used", "Tokens whose keys and values are held for replies."),
    "cache_tokens": ("handspun_kv_tokens", "Tokens whose keys and values there is room for."),
}
"""How the parts of an engine's load are called."""


class Meter:
    """The numbers of one server."""

    def __init__(self, models: "Models") -> None:
        self.models, self.registry = models, CollectorRegistry()
        self.requests = self.counter("handspun_requests", "Requests answered.", "method", "route", "status")
        self.seconds = self.histogram("handspun_request_seconds", "From a request's head to the end of its answer.", "route")
        self.prompt_tokens = self.counter("handspun_prompt_tokens", "Tokens of prompts.", "model")
        self.shared_tokens = self.counter("handspun_prompt_tokens_shared", "Of these, read for another before.", "model")
        self.reply_tokens = self.counter("handspun_reply_tokens", "Tokens of replies.", "model")
        self.first_token = self.histogram("handspun_first_token_seconds", "From a request to its first token.", "model")
        self.loads = self.counter("handspun_model_loads", "Times that a model was loaded.", "model")
        self.search_seconds = self.histogram("handspun_search_seconds", "From a question to its prompt.", "index")
        self.registry.register(self)

    def counter(self, name: str, says: str, *labels: str) -> Counter:
        """A counter of this server."""
        return Counter(name, says, labels, registry=self.registry)

    def histogram(self, name: str, says: str, *labels: str) -> Histogram:
        """A histogram of seconds of this server."""
        return Histogram(name, says, labels, buckets=SECONDS, registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    @contextmanager
    def searching(self, index: str) -> Iterator[None]:
        """Count a search that ends without an error, and what it took."""
        began = time.perf_counter()
        yield
        self.search_seconds.labels(index).observe(time.perf_counter() - began)

    def said(self, model: str, reply: Reply) -> None:
        """Count a reply that has ended."""
        self.prompt_tokens.labels(model).inc(len(reply.prompt_ids))
        self.shared_tokens.labels(model).inc(reply.n_shared)
        self.reply_tokens.labels(model).inc(len(reply.tokens))
        if reply.timing.first_token is not None:
            self.first_token.labels(model).observe(reply.timing.first_token - reply.timing.asked)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """How full it is right now, as Prometheus asks for it."""
        loaded = self.models.loaded()
        sizes = GaugeMetricFamily("handspun_model_bytes", "What each model in memory takes.", labels=["model"])
        users = GaugeMetricFamily("handspun_model_requests", "Requests that use each model in memory.", labels=["model"])
        for one in loaded:
            sizes.add_metric([one.entry.trained_name], one.size_bytes)
            users.add_metric([one.entry.trained_name], one.held.n_users)
        yield GaugeMetricFamily("handspun_models_loaded", "Models in memory.", value=len(loaded))
        yield from (sizes, users)
        indexes = GaugeMetricFamily("handspun_index_bytes", "What each index in memory takes.", labels=["index"])
        for name, size_bytes in self.models.searchers.sizes().items():
            indexes.add_metric([name], size_bytes)
        yield indexes
        loads = {one.entry.trained_name: one.worker.engine.load for one in loaded}
        for part, (name, says) in GAUGES.items():
            gauge = GaugeMetricFamily(name, says, labels=["model"])
            for model, load in loads.items():
                gauge.add_metric([model], getattr(load, part))
            yield gauge

    def text(self) -> bytes:
        """All of it in the format that Prometheus reads."""
        return generate_latest(self.registry)


class MeteredWorker(Worker):
    """A worker whose replies are counted."""

    def __init__(self, engine: Engine, model: str, meter: Meter) -> None:
        super().__init__(engine)
        self.model, self.meter = model, meter

    async def pieces(self, request: Request) -> AsyncGenerator[Piece]:
        """The reply as it comes. Left early, the request is cancelled. Raises PromptError, BusyError."""
        reply: Reply | None = None
        try:
            async with aclosing(super().pieces(request)) as pieces:
                async for piece in pieces:
                    reply = piece.reply
                    yield piece
        finally:
            if reply:
                self.meter.said(self.model, reply)
