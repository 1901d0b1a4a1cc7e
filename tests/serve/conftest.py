"""Servers over tiny trained models."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from endless import write_endless_run
from live import Live, start

from handspun.runs import Run
from handspun.serve.config import ServeConfig
from handspun.serve.library import Library
from handspun.serve.models import Models


@pytest.fixture(scope="session")
def live(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server for every test that leaves it as it was. It serves the model "tiny"."""
    config = ServeConfig()
    running, stop = start(Models(Library([Run(finished_run)], created=tmp_path_factory.mktemp("served")), config), config)
    yield running
    stop()


@pytest.fixture(scope="session")
def endless_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose replies go on until they are as long as may be, thousands of tokens."""
    return write_endless_run(tmp_path_factory.mktemp("runs") / "endless", finished_run)


@pytest.fixture
def serve(finished_run: Path, tmp_path: Path) -> Iterator[Callable[..., Live]]:
    """Starts servers of the test's own: `serve(max_rows=2)` with these settings, `runs=[...]` over other runs."""
    stops = []

    def serve(runs: list[Path] | None = None, **settings: object) -> Live:
        config = ServeConfig(**settings)
        library = Library([Run(path) for path in runs or [finished_run]], created=tmp_path / "served")
        running, stop = start(Models(library, config), config)
        stops.append(stop)
        return running

    yield serve
    for stop in stops:
        stop()
