"""Servers over tiny trained models."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
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
