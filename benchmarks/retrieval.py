"""Search by relevance judgments: nDCG@10, recall and MRR of words alone, vectors alone, and both, through the whole product.

    HANDSPUN_DATA=FOLDER python benchmarks/retrieval.py [--json] [--embedder lsa] [--sets squad cranfield cisi]

Each set of FOLDER/retrieval is indexed, tunes itself on questions made out of its own text (the default that it sets out from
was chosen with a look at these sets), and is asked all its queries. A document stands where its best chunk does. The bars are
for both together, with nothing downloaded and the settings that an index has by default.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from handspun.retrieve.chunk import Hit
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.index import Index
from handspun.retrieve.ingest import sync
from handspun.retrieve.ranking import Qrels, figures
from handspun.retrieve.searcher import Searcher
from handspun.retrieve.source import document_id
from handspun.retrieve.tuning import embedder_in_use, tune
from record import record

BARS = {"squad": 0.902, "cranfield": 0.42, "cisi": 0.39}
"""nDCG@10 to be reached"""
N_RANKED = 200
"""chunks, for judgments of 100 documents"""


def measure(folder: Path, embedder: str) -> dict[str, Any]:
    """All figures of one set."""
    qrels: Qrels = json.loads((folder / "qrels.json").read_text())
    queries = [json.loads(line) for line in (folder / "queries.jsonl").read_text().splitlines()]
    asked = {query["id"]: query["text"] for query in queries}
    with tempfile.TemporaryDirectory() as place:
        config = RetrieveConfig(embedder=embedder)
        index = Index.create(Path(place) / "index", config, [folder / "docs.jsonl"])
        try:
            sync(index)
            began = time.process_time()
            tuned = tune(index)
            assert tuned is not None
            tuning_s = time.process_time() - began
            began = time.process_time()
            both = {id: documents(hits) for id, hits in searched(Searcher(index), asked)}
            query_s = (time.process_time() - began) / len(asked)
            words = {id: named(index, index.store.search_text(text, N_RANKED)) for id, text in asked.items()}
            embedder = embedder_in_use(index)
            vectors = {id: named(index, nearest(index, embedder, text)) for id, text in asked.items()} if embedder else {}
        finally:
            index.close()
    arms = {"words": figures(words, qrels), "fused": figures(both, qrels)}
    if vectors:
        arms["vectors"] = figures(vectors, qrels)
    chosen = {"weight": tuned.weight, "min_score": tuned.min_score, "tuning_cpu_s": tuning_s, "query_cpu_s": query_s}
    n_documents = (folder / "docs.jsonl").read_bytes().count(b"\n")
    return {**arms, **chosen, "n_documents": n_documents, "n_chunks": tuned.n_chunks, "n_queries": len(asked)}


def searched(searcher: Searcher, asked: dict[str, str]) -> list[tuple[str, list[Hit]]]:
    """What is found for each query."""
    return [(id, searcher.search(text, N_RANKED)) for id, text in asked.items()]


def nearest(index: Index, embedder: Embedder, text: str) -> list[tuple[str, float]]:
    """What vectors alone find."""
    return index.store.search_vectors(embedder.embed([text], are_queries=True)[0], N_RANKED)


def named(index: Index, found: list[tuple[str, float]]) -> list[str]:
    """The documents of chunks, each where its best chunk is."""
    return list(dict.fromkeys(document_id(chunk.source) for chunk in index.store.chunks([id for id, _ in found])))


def documents(hits: list[Hit]) -> list[str]:
    """The documents of hits, each where its best hit is."""
    return list(dict.fromkeys(document_id(hit.chunk.source) for hit in hits))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the line of history.jsonl instead of the table")
    parser.add_argument("--embedder", default=RetrieveConfig().embedder)
    parser.add_argument("--sets", nargs="*", default=list(BARS))
    arguments = parser.parse_args()
    data = Path(os.environ["HANDSPUN_DATA"]) / "retrieval"
    results = {name: {**measure(data / name, arguments.embedder), "bar": BARS.get(name)} for name in arguments.sets}
    line = record("retrieval", {"embedder": arguments.embedder, **results})
    if arguments.json:
        print(json.dumps(line))
        return
    for name, found in results.items():
        arms = {arm: round(found[arm]["ndcg_at_10"], 4) for arm in ("words", "vectors", "fused") if arm in found}
        print(f"{name}: nDCG@10 {arms}, weight {found['weight']}, bar {found['bar']}")


if __name__ == "__main__":
    main()
