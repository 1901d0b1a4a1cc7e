"""Models are loaded when they are asked for, shared by all who ask, and let go when nobody does."""

import asyncio
from pathlib import Path

import pytest

from handspun.errors import ModelNotFoundError
from handspun.generate.config import GenerateConfig
from handspun.generate.request import Request
from handspun.runs import Run
from handspun.serve.config import ServeConfig
from handspun.serve.library import Library
from handspun.serve.models import Models


def models_of(*folders: Path, **settings: object) -> Models:
    library = Library([Run(folder) for folder in folders], created=folders[0].parent / "served")
    return Models(library, ServeConfig(**settings))


def test_a_model_is_loaded_on_demand_and_answers(finished_run: Path) -> None:
    async def main() -> None:
        models = models_of(finished_run)
        assert models.loaded() == []
        async with models.use("tiny") as loaded:
            ids = loaded.tokenizer.encode("What is a shard?")
            pieces = [piece async for piece in loaded.worker.pieces(Request(ids, GenerateConfig(max_new_tokens=4)))]
        assert pieces[-1].reply.finish_reason
        assert [loaded.entry.name for loaded in models.loaded()] == ["tiny:latest"]
        await models.close()

    asyncio.run(main())


def test_a_name_that_is_not_served_is_refused_with_those_that_are(finished_run: Path) -> None:
    with pytest.raises(ModelNotFoundError, match='model "huge" not found; served here: tiny'):
        models_of(finished_run).entry("huge")


def test_a_model_nobody_uses_is_let_go_when_its_time_has_come(finished_run: Path) -> None:
    async def main() -> None:
        models = models_of(finished_run)
        async with models.use("tiny", 0.1):
            await asyncio.sleep(0.2)
            assert len(models.loaded()) == 1
        await asyncio.sleep(0.3)
        assert models.loaded() == []

    asyncio.run(main())
