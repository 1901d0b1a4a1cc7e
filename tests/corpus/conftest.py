"""What several corpus tests share: Python's documentation, read and curated once."""

from pathlib import Path

import pytest

from handspun.corpus.config import CorpusConfig
from handspun.corpus.pipeline import curate
from handspun.corpus.python_docs import PythonLibrary, read_library


@pytest.fixture(scope="session")
def library() -> PythonLibrary:
    return read_library(lambda _: None)


@pytest.fixture(scope="session")
def python_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "corpus"
    curate(CorpusConfig(val_share=0.125, conversations=("python", "manners")), folder)
    return folder
