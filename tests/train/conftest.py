"""The shards of the tiny run, written once."""

from pathlib import Path

import pytest

from tiny_run import tiny_chats, tiny_text


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tiny_text(folder)
    tiny_chats(folder)
    return folder
