"""Every tensor that the rooms of the model hand around is held against the shape in its signature, in the whole test run.

Not so their configs, which refuse impossible values in words of their own.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

ROOMS = ("model", "quantize", "train", "generate", "export")


def modules_with_shapes() -> list[str]:
    """The modules of the rooms, found without importing them."""
    package = find_spec("handspun")
    assert package is not None and package.origin is not None
    files = [path for room in ROOMS for path in sorted((Path(package.origin).parent / room).glob("*.py"))]
    return [f"handspun.{path.parent.name}.{path.stem}" for path in files if path.stem not in ("__init__", "config")]


install_import_hook(modules_with_shapes(), "beartype.beartype")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # with more, models this small are no quicker, and far slower beside others
settings.register_profile("any machine", deadline=None)  # a slow example is a loaded machine, not a failure
settings.load_profile("any machine")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would pass on that Ctrl-C is ignored


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of the test run's own: what was measured of this machine stays out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that is made in a second or two."""
    from tiny import write_tiny_recipe

    return write_tiny_recipe(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path) -> Path:
    """The run folder of the tiny recipe, made once. A test that changes it takes a copy."""
    from handspun.cli.app import run

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert run(["make", str(tiny_recipe), "--run", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def endless_run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose replies go on until they are as long as may be, thousands of tokens."""
    from endless import write_endless_run

    return write_endless_run(tmp_path_factory.mktemp("runs") / "endless", finished_run)


@pytest.fixture
def run_copy(tmp_path: Path, finished_run: Path) -> Path:
    """A finished run to change."""
    return Path(shutil.copytree(finished_run, tmp_path / "tiny"))
