"""OpenAI's protocol: chat completions and completions, as server-sent events or as one object."""

import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response

from handspun.corpus.document import Message
from handspun.serve import openai_models
from handspun.serve.answer import EVENTS, events, whole
from handspun.serve.models import Models
from handspun.serve.openai_form import ChatForm, Form, TextForm
from handspun.serve.openai_wire import (
    Answered,
    ChatCompletion,
    ChatMessage,
    ChatRequest,
    Choice,
    Completion,
    CompletionRequest,
    JSONObject,
    JSONOfSchema,
    OpenAIError,
    Spoken,
    Usage,
)
from handspun.serve.options import Options, Sampling
from handspun.serve.routes import JSONRoute, described
from handspun.serve.talk import Ask, Talk, constraint_of, talk

Answers = AsyncGenerator[Answered, None]


def router(models: Models) -> APIRouter:
    """The routes of OpenAI's protocol."""
    routes = APIRouter(route_class=JSONRoute)
    routes.include_router(openai_models.router(models))

    @routes.post("/v1/chat/completions", responses=described(ChatCompletion, OpenAIError, stream=EVENTS), tags=["OpenAI"])
    async def chat(request: Request, body: ChatRequest) -> Response:
        """Reply to messages."""
        form = ChatForm(has_logprobs=bool(body.logprobs or body.top_logprobs))
        return answer(request, models, body, chat_ask(body), form)

    @routes.post("/v1/completions", responses=described(Completion, OpenAIError, stream=EVENTS), tags=["OpenAI"])
    async def complete(request: Request, body: CompletionRequest) -> Response:
        """Go on with texts."""
        return answer(request, models, body, completion_ask(body), TextForm(has_logprobs=body.logprobs is not None))

    return routes


def chat_ask(body: ChatRequest) -> Ask:
    """What is asked by messages."""
    wanted = [count for count in (body.max_tokens, body.max_completion_tokens) if count]
    match body.response_format:
        case JSONOfSchema(json_schema=named):
            constraint = constraint_of(named.schema_ or "json")
        case JSONObject():
            constraint = constraint_of("json")
        case _:
            constraint = None
    return Ask(
        model=body.model,
        said=[message_of(message) for message in body.messages],
        options=options_of(body, min(wanted, default=None)),
        keep_alive_s=body.keep_alive_s,
        constraint=constraint,
        n_likeliest=body.top_logprobs or 0,
        n_replies=body.n or 1,
        truncate=body.truncate,
        index=body.index,
    )


def completion_ask(body: CompletionRequest) -> Ask:
    """What is asked by texts."""
    return Ask(
        model=body.model,
        said=[body.prompt] if isinstance(body.prompt, str) else body.prompt,
        options=options_of(body, body.max_tokens),
        keep_alive_s=body.keep_alive_s,
        n_likeliest=body.logprobs or 0,
        n_replies=body.n or 1,
        truncate=body.truncate,
    )


def message_of(message: ChatMessage) -> Message:
    """A message in our words."""
    return Message("system" if message.role == "developer" else message.role, message.text)


def options_of(body: Spoken, n_tokens: int | None) -> Options:
    """How to go on, in Ollama's words."""
    return Options(**{name: getattr(body, name) for name in Sampling.model_fields}, num_predict=n_tokens)


def answer(request: Request, models: Models, body: Spoken, ask: Ask, form: Form) -> Response:
    """One object where no stream is asked for."""
    head = {"id": f"{form.prefix}{uuid.uuid4().hex}", "created": int(time.time()), "model": body.model}
    if body.stream:
        has_usage = bool(body.stream_options and body.stream_options.include_usage)
        return events(chunks(models, ask, form, head, has_usage=has_usage), request.url.path)
    return whole(gathered(models, ask, form, head))


async def gathered(models: Models, ask: Ask, form: Form, head: dict[str, Any]) -> Answers:
    """All replies in one object."""
    async with talk(models, ask) as now, aclosing(now.parts(is_stream=False)) as parts:
        said = sorted([part async for part in parts], key=lambda part: part.number)
        choices = [with_findings(form.whole(part, now.quoted(part)), await now.findings(part)) for part in said]
        n_tokens = sum(len(part.tokens) for part in said)
        yield form.answer(choices, {**head, **facts(now), "usage": usage(now, n_tokens)})


async def chunks(models: Models, ask: Ask, form: Form, head: dict[str, Any], *, has_usage: bool) -> Answers:
    """The replies as they come: for each its opening, what it says, and its end; at last what they took."""
    opened: set[int] = set()
    n_tokens = 0
    async with talk(models, ask) as now, aclosing(now.parts(is_stream=True)) as parts:
        head = {**head, **facts(now), **({"usage": None} if has_usage else {})}
        async for part in parts:
            n_tokens += len(part.tokens)
            opening = [] if part.number in opened else form.opening(part.number)
            opened.add(part.number)
            said = [form.said(part, now.quoted(part))] if part.text or part.tokens else []
            end = [with_findings(form.end(part), await now.findings(part))] if part.finish_reason else []
            for choice in (*opening, *said, *end):
                yield form.chunk([choice], head)
        if has_usage:
            yield form.chunk([], {**head, "usage": usage(now, n_tokens)})


def with_findings(choice: Choice, findings: dict[str, Any]) -> Choice:
    """The end of a reply with what it says of where it comes from."""
    return choice.model_copy(update=findings)


def facts(now: Talk) -> dict[str, Any]:
    """What an answer says of the model, and of a prompt that was truncated."""
    cut = {"truncated_tokens": now.n_truncated} if now.n_truncated else {}
    return {"system_fingerprint": f"fp_{now.entry.digest[:10]}", **cut}


def usage(now: Talk, n_tokens: int) -> Usage:
    """What a request took."""
    return Usage(prompt_tokens=now.n_prompt, completion_tokens=n_tokens, total_tokens=now.n_prompt + n_tokens)
