"""OpenAI's protocol: which models there are, and embeddings."""

import asyncio
import base64
import struct
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Response

from handspun.serve.answer import whole
from handspun.serve.entry import Entry
from handspun.serve.models import Models
from handspun.serve.openai_wire import (
    Embedding,
    Embeddings,
    EmbeddingsRequest,
    EmbeddingsUsage,
    Model,
    ModelList,
    OpenAIError,
)
from handspun.serve.routes import JSONRoute, described
from handspun.serve.vectors import embed, refuse_index


def router(models: Models) -> APIRouter:
    """The routes about models, and those for which they say nothing."""
    routes = APIRouter(route_class=JSONRoute, tags=["OpenAI"])

    @routes.get("/v1/models", responses=described(ModelList, OpenAIError), response_model=ModelList)
    async def listed() -> ModelList:
        """The models there are."""
        return ModelList(object="list", data=[model_of(entry) for entry in await asyncio.to_thread(models.entries)])

    @routes.get("/v1/models/{model:path}", responses=described(Model, OpenAIError), response_model=Model)
    async def shown(model: str) -> Model:
        """One of them."""
        return model_of(await asyncio.to_thread(models.entry, model))

    @routes.post("/v1/embeddings", responses=described(Embeddings, OpenAIError))
    async def embeddings(body: EmbeddingsRequest) -> Response:
        """Vectors for texts."""
        return whole(vectors_of(models, body))

    return routes


def model_of(entry: Entry) -> Model:
    """What is said of a model."""
    return Model(id=entry.name, object="model", created=int(entry.modified_at.timestamp()), owned_by="handspun")


async def vectors_of(models: Models, body: EmbeddingsRequest) -> AsyncGenerator[Embeddings, None]:
    """The answer to texts."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    async with models.use(body.model, body.keep_alive_s) as loaded:
        refuse_index(loaded.entry.options.get("index"))
        vectors = await embed(loaded, texts, loaded.max_seq_len, dimensions=body.dimensions, truncate=bool(body.truncate))
    is_packed = body.encoding_format == "base64"
    data = [
        Embedding(object="embedding", index=index, embedding=packed(values) if is_packed else values)
        for index, values in enumerate(vectors.values)
    ]
    cut = {"truncated_tokens": vectors.n_truncated} if vectors.n_truncated else {}
    usage = EmbeddingsUsage(prompt_tokens=vectors.n_tokens, total_tokens=vectors.n_tokens)
    yield Embeddings(object="list", model=body.model, data=data, usage=usage, **cut)


def packed(values: list[float]) -> str:
    """Numbers as their float32 bytes, the lowest first, in base64."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
