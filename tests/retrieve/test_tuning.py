"""An index tunes itself on questions made out of its own text."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from handspun.errors import DamagedFileError
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.index import Index
from handspun.retrieve.rehearsal import DEFAULT_WEIGHT, WEIGHTS, border, chosen_weight
from handspun.retrieve.searcher import open_searcher
from handspun.retrieve.tuned import Tuned
from handspun.retrieve.tuning import embedder_in_use, is_tuned, tune

THEMES = {
    "sea": "wave salt tide harbor sail anchor captain reef gull storm current whale net deck mast coral shore lagoon",
    "bread": "flour yeast oven crust dough loaf baker knead rise grain wheat rye crumb butter slice toast salt proof",
    "stars": "orbit comet nebula planet telescope galaxy light moon eclipse dust meteor gravity ring sun nova probe crater sky",
}


def theme_index(folder: Path, n_each: int = 25, embedder: str = "lsa") -> Index:
    """An index of made-up texts on three themes."""
    index, chance = Index.create(folder, RetrieveConfig(embedder=embedder), [folder.parent]), np.random.default_rng(0)
    for theme, words in THEMES.items():
        for number in range(n_each):
            text = ". ".join(" ".join(chance.choice(words.split(), 6)) for _ in range(8))
            put(index, f"{theme}{number}.txt", text)
    return index


def put(index: Index, source: str, text: str) -> Chunk:
    chunk = Chunk(source, 0, len(text), text)
    embedder = embedder_in_use(index)
    vectors = embedder.embed([text]) if embedder else None
    index.store.replace(IndexedFile(source, "0" * 64, len(text)), [IndexedDocument(source, text)], [chunk], vectors)
    return chunk


def test_a_tuned_index_is_whole_and_stays_so_when_it_is_opened_again(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "themes")
    assert not is_tuned(index)
    tuned = tune(index)
    assert tuned is not None and tuned.n_known_items >= 50 and 0 < tuned.min_score < 1
    assert is_tuned(index) and index.store.faults() == []
    found = open_searcher(index).search("harbor captain")
    again = Index.open(tmp_path / "themes")
    assert [hit.chunk for hit in open_searcher(again).search("harbor captain")] == [hit.chunk for hit in found]
    assert found[0].chunk.source.startswith("sea")


def test_tuning_twice_gives_the_same_bit_for_bit(tmp_path: Path) -> None:
    assert tune(theme_index(tmp_path / "one")) == tune(theme_index(tmp_path / "other"))


def test_too_little_text_gets_the_defaults_and_none_gets_nothing(tmp_path: Path) -> None:
    assert tune(theme_index(tmp_path / "none", 0)) is None
    tuned = tune(theme_index(tmp_path / "few", 3))
    assert tuned is not None and (tuned.n_known_items, tuned.weight) == (0, DEFAULT_WEIGHT)


def test_without_an_embedder_words_are_searched_alone(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "themes", embedder="none")
    tuned = tune(index)
    assert tuned is not None and (tuned.embedder, tuned.weight) == (None, 0.0)
    assert open_searcher(index).search("harbor captain")[0].vector_score is None


def test_an_index_that_has_doubled_or_is_set_otherwise_is_to_be_tuned_again(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "few", 3)
    tune(index)
    for number in range(8):
        put(index, f"more{number}.txt", "wave salt tide")
    assert is_tuned(index)
    for number in range(3):
        put(index, f"still{number}.txt", "wave salt tide")
    assert not is_tuned(index)
    other = Index.create(tmp_path / "few", RetrieveConfig(embedder="static"), index.roots)
    assert not is_tuned(other)


def test_another_embedder_takes_the_place_of_the_old_one_and_an_open_searcher_follows(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "few", 3)
    tune(index)
    searcher = open_searcher(index)
    tuned = tune(Index.create(tmp_path / "few", RetrieveConfig(embedder="static"), index.roots))
    assert tuned is not None and tuned.folder.startswith("static-")
    assert [folder.name for folder in index.embedder_folder.iterdir()] == [tuned.folder]
    assert searcher.search("harbor captain")[0].chunk.source.startswith("sea")


def test_a_switch_that_was_stopped_halfway_leaves_words_alone(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "few", 3)
    Tuned(asked="lsa", folder="", embedder=None, weight=0.0, min_score=0.2, n_chunks=9).note(index.store)
    assert not is_tuned(index)
    assert open_searcher(index).search("harbor captain")[0].vector_score is None


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "few", 3)
    tuned = tune(index)
    assert tuned is not None
    table = index.embedder_folder / tuned.folder / "table.safetensors"
    table.write_bytes(table.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(DamagedFileError, match=r"its bytes have changed; delete .* then `handspun index sync"):
        open_searcher(index)
    shutil.rmtree(table.parent)
    assert not is_tuned(index)
    assert open_searcher(index).search("harbor captain")[0].vector_score is None
    assert tune(index) == tuned and is_tuned(index)


def test_vectors_that_lower_what_words_find_are_switched_off() -> None:
    chance = np.random.default_rng(0)
    words = chance.random((100, 1))
    falling = words - np.array(WEIGHTS) * 0.5
    assert chosen_weight(falling) == 0.0
    rising = words + np.array(WEIGHTS) * 0.5 + chance.random((100, len(WEIGHTS))) * 0.001
    assert chosen_weight(rising) == WEIGHTS[-1]
    assert chosen_weight(np.repeat(words, len(WEIGHTS), axis=1)) == DEFAULT_WEIGHT


def test_the_border_tells_known_from_foreign() -> None:
    assert border([0.6, 0.7, 0.9], [0.1, 0.2, 0.3]) == (0.6, 1.0, 0.0)
    found, mistaken = border([0.2, 0.9], [0.1, 0.3, 0.4])[1:]
    assert (found, mistaken) == (0.5, 0.0)
