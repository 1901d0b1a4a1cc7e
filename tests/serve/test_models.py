"""Models are loaded when they are asked for, shared by all who ask, and let go when nobody does."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.errors import BusyError, CheckpointError, DeviceError, ModelNotFoundError
from handspun.generate.config import GenerateConfig
from handspun.generate.llamacpp_engine import LlamaCppEngine
from handspun.generate.request import Request
from handspun.machine import resident_bytes
from handspun.runs import Run
from handspun.serve import models as models_module
from handspun.serve.config import ServeConfig
from handspun.serve.held import Loaded
from handspun.serve.library import Library
from handspun.serve.models import Models
from handspun.serve.room import Room
from portable import write_portable_run

SOON_S = 0.15
"""Longer than what is to happen at once, shorter than a test may take."""


def library_of(*folders: Path, created: Path) -> Library:
    return Library([Run(folder) for folder in folders], created=created)


def with_models(models: Models, main: Callable[[Models], Awaitable[None]]) -> None:
    """Run `main` in a loop of its own and free everything afterwards."""

    async def closing() -> None:
        try:
            await main(models)
        finally:
            await models.close()

    asyncio.run(closing())


async def say(loaded: Loaded, n_tokens: int = 4) -> int:
    """Tokens that a model says."""
    request = Request(loaded.tokenizer.encode("What is a shard?"), GenerateConfig(max_new_tokens=n_tokens))
    return len([piece async for piece in loaded.worker.pieces(request) if piece.token])


def in_memory(models: Models) -> list[str]:
    return [loaded.entry.name for loaded in models.loaded()]


@pytest.fixture
def library(finished_run: Path, endless_run: Path, tmp_path: Path) -> Library:
    return library_of(finished_run, endless_run, created=tmp_path / "served")


def test_a_model_is_loaded_on_demand_and_answers(library: Library) -> None:
    async def main(models: Models) -> None:
        assert models.loaded() == []
        async with models.use("endless") as loaded:
            assert await say(loaded) == 4
            assert (loaded.entry.name, loaded.max_seq_len) == ("endless:latest", 8192)
        assert in_memory(models) == ["endless:latest"]

    with_models(Models(library, ServeConfig()), main)


def test_a_name_that_is_not_served_is_refused_with_those_that_are(library: Library) -> None:
    with pytest.raises(ModelNotFoundError, match='model "huge" not found; served here: tiny, endless'):
        Models(library, ServeConfig()).entry("huge")


def test_all_who_ask_while_a_model_is_loaded_share_one_load(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    loads, load = [], models_module.open_engine
    monkeypatch.setattr(models_module, "open_engine", lambda folder, *how: loads.append(folder) or load(folder, *how))

    async def ask(models: Models) -> int:
        async with models.use("tiny") as loaded:
            return id(loaded.worker)

    async def main(models: Models) -> None:
        assert len(set(await asyncio.gather(*(ask(models) for _ in range(20))))) == 1
        assert len(loads) == 1

    with_models(Models(library, ServeConfig()), main)


def test_a_caller_that_leaves_while_a_model_is_loaded_does_not_stop_the_load(library: Library) -> None:
    async def ask(models: Models) -> None:
        async with models.use("tiny"):
            raise AssertionError("cancelled before")

    async def main(models: Models) -> None:
        asking = asyncio.create_task(ask(models))
        while not models.moving.locked():
            await asyncio.sleep(0.001)
        asking.cancel()
        async with models.use("tiny") as loaded:
            assert await say(loaded)
        with pytest.raises(asyncio.CancelledError):
            await asking

    with_models(Models(library, ServeConfig()), main)


def test_a_model_is_let_go_when_its_time_has_come_and_not_while_it_is_used(library: Library) -> None:
    async def main(models: Models) -> None:
        async with models.use("tiny", SOON_S / 3):
            await asyncio.sleep(SOON_S)
            assert in_memory(models) == ["tiny:latest"]
        await asyncio.sleep(SOON_S * 3)
        assert models.loaded() == []

    with_models(Models(library, ServeConfig()), main)


def test_another_request_puts_the_time_off_and_the_last_one_decides(library: Library) -> None:
    async def main(models: Models) -> None:
        async with models.use("tiny", SOON_S):
            pass
        async with models.use("tiny", math.inf):
            pass
        assert models.loaded()[0].expires_at is None
        await asyncio.sleep(SOON_S * 2)
        assert in_memory(models) == ["tiny:latest"]
        async with models.use("tiny", 0):
            pass
        await asyncio.sleep(SOON_S * 2)
        assert models.loaded() == []

    with_models(Models(library, ServeConfig()), main)


def test_the_config_says_how_long_where_a_request_does_not(library: Library) -> None:
    async def main(models: Models) -> None:
        async with models.use("tiny"):
            pass
        await asyncio.sleep(SOON_S * 3)
        assert models.loaded() == []

    with_models(Models(library, ServeConfig(keep_alive_s=SOON_S)), main)


def test_a_model_in_use_is_unloaded_when_its_last_reply_has_ended(library: Library) -> None:
    async def main(models: Models) -> None:
        async with models.use("tiny", math.inf) as loaded:
            await models.unload("tiny")
            assert await say(loaded, 2)
        await asyncio.sleep(SOON_S * 2)
        assert models.loaded() == []
        await models.unload("tiny")
        with pytest.raises(ModelNotFoundError):
            await models.unload("huge")

    with_models(Models(library, ServeConfig()), main)


def test_names_for_the_same_weights_share_the_memory(library: Library) -> None:
    async def main(models: Models) -> None:
        await models.create("mario", "tiny", system="You are Mario.")
        async with models.use("tiny") as one, models.use("mario") as other:
            assert one.worker is other.worker
            assert (one.entry.system, other.entry.system) == (None, "You are Mario.")

    with_models(Models(library, ServeConfig()), main)


def test_the_model_that_was_not_used_for_longest_makes_room(library: Library, run_copy: Path) -> None:
    third = run_copy.rename(run_copy.with_name("third"))
    (third / "tuned").rename(third / "untuned")
    library.chosen["third"] = Run(third)

    async def main(models: Models) -> None:
        for name in ("tiny", "endless", "tiny", "third"):
            async with models.use(name):
                pass
        assert in_memory(models) == ["third:latest", "tiny:latest"]

    with_models(Models(library, ServeConfig(max_models=2)), main)


def test_where_every_model_is_in_use_the_next_one_has_to_wait(library: Library) -> None:
    async def main(models: Models) -> None:
        async with models.use("tiny"):
            with pytest.raises(BusyError, match=r"all 1 models that may be in memory \(serve.max_models\) are in use"):
                async with models.use("endless"):
                    pass
        async with models.use("endless"):
            assert in_memory(models) == ["endless:latest"]

    with_models(Models(library, ServeConfig(max_models=1)), main)


class Memory:
    """So many bytes, of which models in memory take what they say they take."""

    def __init__(self, total: int) -> None:
        self.total, self.models = total, []

    def __call__(self) -> int:
        return self.total - sum(loaded.size_bytes for models in self.models for loaded in models.loaded())


def test_an_idle_model_makes_room_where_memory_is_short_and_one_in_use_does_not(library: Library) -> None:
    config = ServeConfig()
    needs = {name: Room(library.entry(name), config).n_bytes for name in ("tiny", "endless")}
    memory = Memory(max(needs.values()) + min(needs.values()) - 1)
    models = Models(library, config, memory)
    memory.models.append(models)

    async def main(models: Models) -> None:
        async with models.use("tiny"):
            with pytest.raises(DeviceError, match=r'loading "endless" needs .* are free beside tiny, in use'):
                async with models.use("endless"):
                    pass
        async with models.use("endless"):
            assert in_memory(models) == ["endless:latest"]

    with_models(models, main)


def test_what_does_not_fit_is_refused_before_anything_is_loaded(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_module, "open_engine", lambda folder, *_: pytest.fail(f"{folder} was loaded"))

    async def main(models: Models) -> None:
        with pytest.raises(DeviceError, match='loading "endless" needs'):
            async with models.use("endless"):
                pass
        assert models.loaded() == []

    with_models(Models(library, ServeConfig(), Memory(1000)), main)


def test_a_server_that_stops_ends_the_replies_under_way_with_a_reason_and_takes_no_more(library: Library) -> None:
    async def main(models: Models) -> None:
        async with models.use("endless") as loaded:
            saying = asyncio.create_task(say(loaded, 8000))
            while not loaded.worker.n_open:
                await asyncio.sleep(0.001)
            models.stop()
            with pytest.raises(BusyError, match="the server is being stopped"):
                await saying
        with pytest.raises(BusyError, match="the server is being stopped"):
            async with models.use("tiny"):
                pass

    with_models(Models(library, ServeConfig()), main)


def test_memory_comes_back_when_a_model_goes(finished_run: Path, tmp_path: Path) -> None:
    from endless import write_endless_run

    big = write_endless_run(tmp_path / "big", finished_run, d_model=1536, max_seq_len=128)
    models = Models(library_of(big, created=tmp_path / "served"), ServeConfig())

    async def main(models: Models) -> None:
        before = resident_bytes()
        async with models.use("big", 0) as loaded:
            assert await say(loaded, 2) == 2
            held = resident_bytes() - before
        await asyncio.sleep(SOON_S)
        while models.moving.locked():
            await asyncio.sleep(0.01)
        n_bytes = 4 * loaded.entry.n_params
        assert held > 0.9 * n_bytes
        del loaded
        assert resident_bytes() - before < 0.2 * n_bytes

    with_models(models, main)


def test_the_engine_that_the_recipe_names_answers(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason='llama-cpp-python is compiled for minutes: pip install "handspun[llamacpp]"')
    folder = write_portable_run(tmp_path / "portable", engine="llamacpp")

    async def main(models: Models) -> None:
        with pytest.raises(CheckpointError, match="write one: handspun export"):
            async with models.use("portable"):
                pass
        assert run(["export", str(folder)]) == 0
        async with models.use("portable") as loaded:
            assert isinstance(loaded.worker.engine, LlamaCppEngine)
            assert await say(loaded) == 4

    with_models(Models(library_of(folder, created=tmp_path / "served"), ServeConfig()), main)
