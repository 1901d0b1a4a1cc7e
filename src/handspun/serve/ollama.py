"""Ollama's protocol: replies as NDJSON or as one object, and embeddings."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from handspun.corpus.document import Message
from handspun.errors import RefusedError
from handspun.serve import ollama_models
from handspun.serve.answer import NDJSON, lines, whole
from handspun.serve.logprobs import logprob
from handspun.serve.models import Models
from handspun.serve.ollama_wire import (
    ChatLine,
    ChatRequest,
    EmbedAnswer,
    EmbeddingsAnswer,
    EmbeddingsRequest,
    EmbedRequest,
    GenerateLine,
    GenerateRequest,
    Line,
    OllamaError,
    ReplyMessage,
    Spoken,
)
from handspun.serve.options import Options, joined
from handspun.serve.parts import Part
from handspun.serve.prompt import limit_of
from handspun.serve.routes import JSONRoute, described
from handspun.serve.talk import Ask, Talk, constraint_of, talk
from handspun.serve.timestamp import timestamp
from handspun.serve.vectors import embed, refuse_index

NS = 1_000_000_000
DONE_REASONS = {"end": "stop", "stop": "stop", "length": "length"}

LineOf = Callable[..., Line]
Lines = AsyncGenerator[Line, None]


def router(models: Models) -> APIRouter:
    """The routes of Ollama's protocol."""
    routes = APIRouter(route_class=JSONRoute)
    routes.include_router(ollama_models.router(models))

    @routes.post("/api/chat", responses=described(ChatLine, OllamaError, stream=NDJSON), tags=["Ollama"])
    async def chat(request: Request, body: ChatRequest) -> Response:
        """Reply to messages."""
        messages = [Message(message.role, message.content or "") for message in body.messages or ()]
        return answer(request, models, body, messages, chat_line)

    @routes.post("/api/generate", responses=described(GenerateLine, OllamaError, stream=NDJSON), tags=["Ollama"])
    async def generate(request: Request, body: GenerateRequest) -> Response:
        """Reply to a prompt, or go on with it."""
        return answer(request, models, body, said_in(body), generate_line)

    @routes.post("/api/embed", responses=described(EmbedAnswer, OllamaError), tags=["Ollama"])
    async def embed_texts(body: EmbedRequest) -> Response:
        """Vectors for texts."""
        return whole(embed_answer(models, body))

    @routes.post("/api/embeddings", responses=described(EmbeddingsAnswer, OllamaError), tags=["Ollama"])
    async def embeddings(body: EmbeddingsRequest) -> Response:
        """A vector for one text."""
        return whole(embeddings_answer(models, body))

    return routes


def said_in(body: GenerateRequest) -> list[Message] | list[str]:
    """What a prompt is: a message of the user, or a text to go on with. Raises RefusedError."""
    if body.raw and body.system:
        raise RefusedError("raw mode does not support template, system, or context")
    if not body.prompt:
        return []
    if body.raw:
        return [body.prompt]
    return [*([Message("system", body.system)] if body.system else []), Message("user", body.prompt)]


def answer(request: Request, models: Models, body: Spoken, said: list[Message] | list[str], line_of: LineOf) -> Response:
    """A reply, as a stream unless something else is asked for; to nothing, that the model was loaded or unloaded."""
    line, is_stream = partial(line_of, body.model), body.stream is not False
    made = saying(models, body, said, line) if said else moving(models, body, line)
    return lines(made, request.url.path) if is_stream else whole(made)


async def saying(models: Models, body: Spoken, said: list[Message] | list[str], line: LineOf) -> Lines:
    """The lines of a reply: what it says, and at last how long it took; or all that in one."""
    began, is_stream = time.perf_counter_ns(), body.stream is not False
    ask = Ask(
        model=body.model,
        said=said,
        options=body.options or Options(),
        keep_alive_s=body.keep_alive_s,
        constraint=constraint_of(body.format),
        n_likeliest=body.top_logprobs or 0,
        truncate=body.truncate,
        index=body.index,
    )
    async with talk(models, ask) as now, aclosing(now.parts(is_stream=is_stream)) as parts:
        loaded = time.perf_counter_ns()
        async for part in parts:
            end = {}
            if part.finish_reason:
                durations = {"load_duration": loaded - began, "total_duration": time.perf_counter_ns() - began}
                end = {"done": True, **statistics(now, part), **await now.findings(part), **durations}
            if not is_stream:
                yield line(part.text, **beside(now, body, part), **end)
                continue
            if part.text or part.tokens:
                yield line(part.text, done=False, **beside(now, body, part))
            if end:
                yield line("", **end)


async def moving(models: Models, body: Spoken, line: LineOf) -> Lines:
    """The line that says that a model was loaded, or unloaded where it is to be kept for no time."""
    if body.keep_alive_s == 0:
        await models.unload(body.model)
        yield line("", done=True, done_reason="unload")
        return
    async with models.use(body.model, body.keep_alive_s):
        yield line("", done=True, done_reason="load")


def chat_line(model: str, text: str, **facts: Any) -> ChatLine:
    """A line of /api/chat."""
    message = ReplyMessage(role="assistant", content=text)
    return ChatLine(model=model, created_at=timestamp(), message=message, **facts)


def generate_line(model: str, text: str, **facts: Any) -> GenerateLine:
    """A line of /api/generate."""
    return GenerateLine(model=model, created_at=timestamp(), response=text, **facts)


def beside(now: Talk, body: Spoken, part: Part) -> dict[str, Any]:
    """What a line says of its tokens: how likely they were where that is asked for, and what they quote where they do."""
    facts: dict[str, Any] = {}
    if body.logprobs or body.top_logprobs:
        facts["logprobs"] = [logprob(token) for token in part.tokens]
    if quoted := now.quoted(part):
        facts["copied_from"] = quoted
    return facts


def statistics(now: Talk, part: Part) -> dict[str, Any]:
    """How a reply ended, and what it took."""
    reply, timing = part.reply, part.reply.timing
    facts: dict[str, Any] = {"done_reason": DONE_REASONS[part.finish_reason or "stop"]}
    if now.n_truncated:
        facts["truncated_tokens"] = now.n_truncated
    return {
        **facts,
        "prompt_eval_count": now.n_prompt,
        "prompt_eval_duration": nanoseconds(timing.started, timing.first_token),
        "eval_count": len(reply.tokens),
        "eval_duration": nanoseconds(timing.first_token, timing.ended),
    }


def nanoseconds(start_s: float | None, end_s: float | None) -> int:
    """The time from one to the other; 0 where one of them was not."""
    return 0 if start_s is None or end_s is None else max(0, round((end_s - start_s) * NS))


async def embed_answer(models: Models, body: EmbedRequest) -> AsyncGenerator[EmbedAnswer, None]:
    """The answer of /api/embed."""
    began = time.perf_counter_ns()
    texts = [body.input] if isinstance(body.input, str) else body.input
    async with models.use(body.model, body.keep_alive_s) as loaded:
        load_ns = time.perf_counter_ns() - began
        options = joined(loaded.entry.options, body.options)
        refuse_index(options.index)
        truncate = options.truncate if body.truncate is None else body.truncate
        limit = limit_of(loaded, options)
        vectors = await embed(loaded, texts, limit, dimensions=body.dimensions, truncate=bool(truncate))
    cut = {"truncated_tokens": vectors.n_truncated} if vectors.n_truncated else {}
    yield EmbedAnswer(
        model=body.model,
        embeddings=vectors.values,
        total_duration=time.perf_counter_ns() - began,
        load_duration=load_ns,
        prompt_eval_count=vectors.n_tokens,
        **cut,
    )


async def embeddings_answer(models: Models, body: EmbeddingsRequest) -> AsyncGenerator[EmbeddingsAnswer, None]:
    """The answer of /api/embeddings."""
    async with models.use(body.model, body.keep_alive_s) as loaded:
        options, texts = joined(loaded.entry.options, body.options), [body.prompt] if body.prompt else []
        refuse_index(options.index)
        vectors = await embed(loaded, texts, limit_of(loaded, options), dimensions=None, truncate=bool(options.truncate))
    yield EmbeddingsAnswer(embedding=vectors.values[0] if vectors.values else [])
