"""Servers over tiny trained models."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bookshelf import write_index
from browser import CHROMIUM, Visit
from live import Live, start

from handspun.runs import Run
from handspun.serve.config import ServeConfig
from handspun.serve.indexes import Indexes
from handspun.serve.library import Library
from handspun.serve.models import Models

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE_MS = 60_000
"""A machine that does much else is slow, not broken."""


@pytest.fixture(scope="session")
def live(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server for every test that leaves it as it was. It serves the model "tiny"."""
    config = ServeConfig()
    running, stop = start(Models(Library([Run(finished_run)], created=tmp_path_factory.mktemp("served")), config), config)
    yield running
    stop()


@pytest.fixture(scope="session")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index called docs. A test that changes it makes its own."""
    return write_index(tmp_path_factory.mktemp("indexes"))


@pytest.fixture(scope="session")
def reader(finished_run: Path, docs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server for every test that leaves it as it was. It serves the model "tiny" and the index "docs"."""
    config, created = ServeConfig(), tmp_path_factory.mktemp("served")
    running, stop = start(Models(Library([Run(finished_run)], created=created, indexes=Indexes([docs])), config), config)
    yield running
    stop()


@pytest.fixture
def serve(finished_run: Path, tmp_path: Path) -> Iterator[Callable[..., Live]]:
    """Starts servers of the test's own: `serve(max_rows=2)` with these settings, `runs=[...]` over other runs.

    With `indexes=[...]` they answer through these, too.
    """
    stops = []

    def serve(runs: list[Path] | None = None, indexes: Sequence[Path] = (), **settings: object) -> Live:
        config = ServeConfig(**settings)
        chosen = [Run(path) for path in runs or [finished_run]]
        library = Library(chosen, created=tmp_path / "served", indexes=Indexes(indexes))
        running, stop = start(Models(library, config), config)
        stops.append(stop)
        return running

    yield serve
    for stop in stops:
        stop()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A browser without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason='playwright is absent: pip install "handspun[test]"')
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as drivers:
        browser = drivers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Callable[..., Visit]]:
    """Visits a server: `open_page(live, width=320, color_scheme="dark")`. Whatever the browser complains of is a failure."""
    visits = []

    def open_page(server: Live, *, width: int = 1280, **settings: Any) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce", **settings)
        context.set_default_timeout(PATIENCE_MS)
        visit = Visit(context.new_page(), server.url)
        visits.append(visit)
        visit.open()
        return visit

    yield open_page
    for visit in visits:
        visit.page.context.close()
    assert [visit.complaints for visit in visits] == [[] for _ in visits]
