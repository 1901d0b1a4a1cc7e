"""An index of 100,000 chunks in SQLite: CPU-seconds to build it, to ask it and to add to it, and the memory it takes.

    python benchmarks/index.py [--json] [--chunks 100000] [--dims 256]

Text: the novels in the folder HANDSPUN_DATA, cut into chunks of 100 words, 100 of them a file. Vectors are random: no time
depends on what they say. A query is ten words in a row out of a chunk. Hybrid is what a search does: the 100 best by words, the
100 best by vectors, and the chunks of ten read. Bars: build 10 s, p95 of a hybrid query 60 ms, adding 1,000 chunks .3 s.
"""

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from encode import novels
from handspun.machine import resident_bytes
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.sqlite_store import SqliteStore
from record import record

CHUNK_WORDS, FILE_CHUNKS, QUERY_WORDS = 100, 100, 10
N_QUERIES, N_BEST, N_READ = 300, 100, 10
EMBEDDER = "random"
BARS = {"build_s": 10.0, "hybrid_p95_ms": 60.0, "add_1000_s": 0.3}


def stretches() -> Iterator[str]:
    """The text of the novels, a hundred words at a time."""
    for text in novels(Path(os.environ["HANDSPUN_DATA"])):
        words = text.split()
        for start in range(0, len(words) - CHUNK_WORDS, CHUNK_WORDS):
            yield " ".join(words[start : start + CHUNK_WORDS])


def files(n_chunks: int) -> Iterator[tuple[IndexedFile, IndexedDocument, list[Chunk]]]:
    """That text as files of a hundred chunks."""
    source = stretches()
    for number in range(n_chunks // FILE_CHUNKS):
        texts = [next(source) for _ in range(FILE_CHUNKS)]
        path, text, chunks, start = f"novels/{number:05}.txt", "\n".join(texts), [], 0
        for part in texts:
            chunks.append(Chunk(path, start, start + len(part), part))
            start += len(part) + 1
        yield IndexedFile(path, f"{number:064}", len(text)), IndexedDocument(path, text), chunks


def unit_vectors(rng: np.random.Generator, n_rows: int, n_dims: int) -> np.ndarray:
    """Random directions."""
    vectors = rng.standard_normal((n_rows, n_dims), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Processor time of all threads that the work takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    return {"p50_ms": float(np.percentile(seconds, 50)) * 1e3, "p95_ms": float(np.percentile(seconds, 95)) * 1e3}


def measure(n_chunks: int, n_dims: int, path: Path) -> dict[str, Any]:
    """Build, ask, add, and count bytes."""
    rng, chance = np.random.default_rng(0), random.Random(0)
    store, added, queries, build_s = SqliteStore(path), [], [], 0.0
    store.add_vectors(EMBEDDER, [], np.empty((0, n_dims), np.float32))
    store.use_embedder(EMBEDDER)
    for file, document, chunks in files(n_chunks + 1000):
        vectors = unit_vectors(rng, len(chunks), n_dims)
        if int(file.sha256) >= n_chunks // FILE_CHUNKS:
            added.append((file, [document], chunks, vectors))
            continue
        build_s += cpu_seconds(lambda: store.replace(file, [document], chunks, vectors))  # noqa: B023
        first = chance.randrange(CHUNK_WORDS - QUERY_WORDS)
        queries.append(" ".join(chance.choice(chunks).text.split()[first : first + QUERY_WORDS]))
    store.close()
    before_bytes = resident_bytes()
    store = SqliteStore(path)
    chance.shuffle(queries)
    directions = unit_vectors(rng, N_QUERIES, n_dims)
    load_s = cpu_seconds(lambda: store.search_vectors(directions[0], N_BEST))
    text_s, vector_s, read_s = [], [], []
    for query, direction in zip(queries, directions):
        found: list[tuple[str, float]] = []
        text_s.append(cpu_seconds(lambda: found.extend(store.search_text(query, N_BEST))))  # noqa: B023
        vector_s.append(cpu_seconds(lambda: found.extend(store.search_vectors(direction, N_BEST))))  # noqa: B023
        read_s.append(cpu_seconds(lambda: store.chunks([key for key, _ in found[:N_READ]])))  # noqa: B023
    held_bytes = resident_bytes() - before_bytes
    hybrid = spread([sum(parts) for parts in zip(text_s, vector_s, read_s)])
    add_s = cpu_seconds(lambda: [store.replace(*one) for one in added])
    refresh_s = cpu_seconds(lambda: store.search_vectors(directions[0], N_BEST))
    faults_s = cpu_seconds(lambda: print(*store.faults(), end=""))
    store.close()
    return {
        "chunks": n_chunks,
        "dims": n_dims,
        "build_s": build_s,
        "load_vectors_s": load_s,
        "text": spread(text_s),
        "vectors": spread(vector_s),
        "hybrid": hybrid,
        "add_1000_s": add_s,
        "first_search_after_s": refresh_s,
        "check_s": faults_s,
        "memory_mib": held_bytes / 2**20,
        "disk_mib": path.stat().st_size / 2**20,
        "bars": BARS,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the line of history.jsonl instead of the table")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--dims", type=int, default=256)
    parser.add_argument("--dry", action="store_true", help="add no line to history.jsonl")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(arguments.chunks, arguments.dims, Path(folder) / "index.sqlite")
    line = {"results": results} if arguments.dry else record("index", results)
    if arguments.json:
        print(json.dumps(line))
        return
    for name, value in results.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
