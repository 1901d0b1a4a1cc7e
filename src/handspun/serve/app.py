"""The web application: what every request goes through, and the routes that belong to no protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from handspun import __version__
from handspun.serve.config import ServeConfig
from handspun.serve.models import Models


def build_app(models: Models, config: ServeConfig) -> FastAPI:
    """The application that serves `models`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await models.close()

    app = FastAPI(title="handspun", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.config = config

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok", "server": "handspun", "version": __version__}

    return app
