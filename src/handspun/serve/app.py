"""The web application: what every request goes through, and the routes that belong to no protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from handspun import __version__
from handspun.serve.allowed import Allowed
from handspun.serve.config import ServeConfig
from handspun.serve.faults import add_faults
from handspun.serve.gate import Gate
from handspun.serve.journal import Journal
from handspun.serve.models import Models
from handspun.serve.ollama import router as ollama_router
from handspun.serve.openai import router as openai_router
from handspun.serve.page import router as page_router
from handspun.serve.passages import router as passages_router
from handspun.serve.routes import drop_unused_status

LOCAL = "127.0.0.1"


def build_app(models: Models, config: ServeConfig, allowed: Allowed | None = None) -> FastAPI:
    """The application that serves `models`, to this machine alone where nobody else is `allowed`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await models.close()

    app = FastAPI(title="handspun", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.config = config
    add_faults(app)
    drop_unused_status(app)
    app.add_middleware(Gate, allowed=allowed or Allowed(LOCAL, config.hosts), config=config)
    app.add_middleware(Journal, meter=models.meter)
    app.include_router(ollama_router(models))
    app.include_router(openai_router(models))
    app.include_router(passages_router(models))
    app.include_router(page_router())

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "stopping" if models.is_stopping else "ok", "server": "handspun", "version": __version__}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """What was counted, for Prometheus."""
        return Response(models.meter.text(), media_type=CONTENT_TYPE_LATEST)

    return app
