"""A process that is killed while it writes loses nothing that it has acknowledged, and leaves nothing half."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handspun.retrieve.sqlite_store import SqliteStore

WRITER = """
import sys
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.sqlite_store import SqliteStore
import numpy as np

store = SqliteStore(sys.argv[1])
if not store.facts():
    store.add_vectors("ones", [], np.empty((0, 8), np.float32))
    store.use_embedder("ones")
    store.note(begun=True)
for number in range(int(sys.argv[2]), 1_000_000):
    path = f"{number % 40}.txt"
    text = f"version {number} of this file says " + "word after word " * 40
    chunks = [Chunk(path, start, start + 50, text[start:start + 50]) for start in range(0, len(text), 50)]
    file = IndexedFile(path, f"{number:064}", len(text))
    store.replace(file, [IndexedDocument(path, text)], chunks, np.ones((len(chunks), 8), np.float32))
    print(number, flush=True)
"""


def acknowledged(path: Path, first: int, chance: random.Random) -> int:
    """The last number that a writer said it has written before it was killed at some instant."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == f"{first}\n"
    time.sleep(chance.uniform(0, 0.03))
    writer.kill()
    lines = writer.stdout.read().splitlines()
    writer.stdout.close()
    writer.wait()
    return int(([str(first)] + [line for line in lines if line.isdecimal()])[-1])


@pytest.mark.parametrize("n_kills", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_no_acknowledged_file_is_lost_when_the_writer_is_killed(tmp_path: Path, n_kills: int) -> None:
    path, chance, last = tmp_path / "index.sqlite", random.Random(0), -1
    for _ in range(n_kills):
        last = acknowledged(path, last + 1, chance)
        store = SqliteStore(path)
        versions = {int(file.sha256) % 40: int(file.sha256) for file in store.files().values()}
        for number in range(max(0, last - 39), last + 1):
            assert versions[number % 40] in (number, last + 1), f"{number} was acknowledged"
        assert store.faults() == []
        counts = store.counts()
        assert counts.chunks == counts.text_rows == counts.vectors > 0
        assert all(chunk.text == store.document(chunk.source).text[chunk.start : chunk.end] for chunk in store.every_chunk())
        store.close()
    assert last > n_kills
