"""Ollama's protocol: which models there are and what is known of them; names that are made, copied and deleted."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from handspun import __version__
from handspun.errors import ModelNotFoundError, RefusedError
from handspun.serve.answer import NDJSON, lines, whole
from handspun.serve.models import Models
from handspun.serve.ollama_facts import listed, running, shown
from handspun.serve.ollama_wire import (
    CopyRequest,
    CreateRequest,
    NamedRequest,
    OllamaError,
    Processes,
    Progress,
    PullRequest,
    Shown,
    ShowRequest,
    Tags,
    Version,
)
from handspun.serve.routes import JSONRoute, described
from handspun.serve.wire import explained
from handspun.settings import to_tree

OLLAMA_VERSION = "0.12.11"
"""The Ollama whose protocol is spoken: the first one with log-probabilities. Some clients want at least a certain one."""

NO_FILES = "models here are trained with handspun, and none is made of uploaded files"

Digest = Annotated[
    str, Path(pattern=r"^sha256[:-][0-9a-f]{64}$"), explained("must be sha256, a colon and 64 hexadecimal digits")
]


def router(models: Models) -> APIRouter:
    """The routes about models."""
    routes = APIRouter(route_class=JSONRoute, tags=["Ollama"])
    add_lists(routes, models)
    add_changes(routes, models)
    return routes


def add_lists(routes: APIRouter, models: Models) -> None:
    """The routes that tell of models."""

    @routes.head("/api/version", include_in_schema=False)
    @routes.get("/api/version", responses=described(Version, OllamaError), response_model=Version)
    async def version() -> Version:
        """Who speaks which protocol, and with which settings."""
        return Version(version=OLLAMA_VERSION, handspun=__version__, serve=to_tree(models.config))

    @routes.head("/api/tags", include_in_schema=False)
    @routes.get("/api/tags", responses=described(Tags, OllamaError), response_model=Tags)
    async def tags() -> Tags:
        """The models there are."""
        return Tags(models=[listed(entry) for entry in await asyncio.to_thread(models.entries)])

    @routes.get("/api/ps", responses=described(Processes, OllamaError), response_model=Processes)
    async def ps() -> Processes:
        """The models in memory."""
        return Processes(models=[running(loaded) for loaded in models.loaded()])

    @routes.post("/api/show", responses=described(Shown, OllamaError), response_model=Shown)
    async def show(body: ShowRequest) -> Shown:
        """What is known of a model."""
        return shown(await asyncio.to_thread(models.entry, body.called))


def add_changes(routes: APIRouter, models: Models) -> None:
    """The routes that make and delete names."""

    @routes.post("/api/create", responses=described(Progress, OllamaError, stream=NDJSON))
    async def create(request: Request, body: CreateRequest) -> Response:
        """A new name for a model, with a system message and options of its own."""
        made = creating(models, body)
        return whole(last(made)) if body.stream is False else lines(made, request.url.path)

    @routes.post("/api/copy", response_class=Response, responses=described(None, OllamaError))
    async def copy(body: CopyRequest) -> Response:
        """A second name for a model."""
        await models.copy(body.source, body.destination)
        return Response()

    @routes.delete("/api/delete", response_class=Response, responses=described(None, OllamaError))
    async def delete(body: NamedRequest) -> Response:
        """Forget a created name."""
        await models.delete(body.called)
        return Response()

    @routes.post("/api/pull", responses=described(Progress, OllamaError, stream=NDJSON))
    async def pull(request: Request, body: PullRequest) -> Response:
        """What is here already is pulled; nothing is ever fetched."""
        made = pulling(models, body)
        return whole(last(made)) if body.stream is False else lines(made, request.url.path)

    @routes.post("/api/blobs/{digest}", responses=described(None, OllamaError), response_class=Response)
    async def upload_blob(digest: Digest) -> Response:
        """Uploads are refused."""
        raise RefusedError(f"{digest[:19]}… is not taken; {NO_FILES}.")

    @routes.head("/api/blobs/{digest}", include_in_schema=False)
    async def find_blob(digest: Digest) -> Response:
        """Whether a file was uploaded: it never was."""
        raise ModelNotFoundError(f"{digest} is not here; {NO_FILES}.")


async def creating(models: Models, body: CreateRequest) -> AsyncGenerator[Progress, None]:
    """The steps of a creation."""
    if body.from_ is None:
        raise RefusedError(f'"from" is missing: name a model that is served here; {NO_FILES}.')
    options = body.parameters.model_dump(exclude_none=True) if body.parameters else None
    await models.create(body.called, body.from_, system=body.system, options=options)
    yield Progress(status="success")


async def pulling(models: Models, body: PullRequest) -> AsyncGenerator[Progress, None]:
    """The steps of a pull: the model is found here, or nowhere."""
    await asyncio.to_thread(models.entry, body.called)
    yield Progress(status="pulling manifest")
    yield Progress(status="success")


async def last(made: AsyncGenerator[Progress, None]) -> AsyncGenerator[Progress, None]:
    """The last step alone."""
    steps = [step async for step in made]
    yield steps[-1]
