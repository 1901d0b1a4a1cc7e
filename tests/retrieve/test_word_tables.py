"""Tables of words learnt from the texts to be searched."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_tuning import THEMES

from handspun.errors import DamagedFileError
from handspun.retrieve.bags import Bags
from handspun.retrieve.fusion import best_stretch
from handspun.retrieve.lexicon import Lexicon, stems
from handspun.retrieve.lsa_embedder import product, right_singular_vectors, train_lsa
from handspun.retrieve.static_embedder import train_static
from handspun.retrieve.word_table import TABLE, WordTable


def theme_texts(n_each: int = 30) -> list[list[str]]:
    """Texts on three themes, as stems."""
    chance = np.random.default_rng(0)
    return [stems(" ".join(chance.choice(words.split(), 30))) for words in THEMES.values() for _ in range(n_each)]


@pytest.mark.parametrize("train", [train_lsa, train_static])
def test_words_of_one_theme_lie_near_each_other(train, tmp_path: Path) -> None:
    table = train(theme_texts(), 16)
    sea, boat, bread, nothing = table.embed(["harbor tide", "anchored ships sailing", "flour", "parliament"])
    assert sea @ boat > 0.5 > sea @ bread
    assert not nothing.any()


@pytest.mark.parametrize("train", [train_lsa, train_static])
def test_the_same_texts_give_the_same_table_and_it_is_kept_bit_for_bit(train, tmp_path: Path) -> None:
    one, other = train(theme_texts(), 8), train(theme_texts(), 8)
    assert one.name == other.name != train(theme_texts(20), 8).name
    (tmp_path / one.name).mkdir()
    one.save(tmp_path / one.name)
    again = WordTable.load(tmp_path / one.name)
    assert (again.embed(["harbor tide"]) == one.embed(["harbor tide"])).all()


@pytest.mark.parametrize("flipped", [10, -1])
def test_a_flipped_byte_is_noticed_in_the_header_and_in_the_numbers(flipped: int, tmp_path: Path) -> None:
    table = train_lsa(theme_texts(), 8)
    table.save(tmp_path / table.name)
    kept = bytearray((tmp_path / table.name / TABLE).read_bytes())
    kept[flipped] ^= 1
    (tmp_path / table.name / TABLE).write_bytes(kept)
    with pytest.raises(DamagedFileError, match="is damaged: its bytes have changed; delete"):
        WordTable.load(tmp_path / table.name)


def test_bags_multiply_as_matrices_do() -> None:
    bags = Bags.counted([[2, 0, 2], [], [1]], 3)
    dense = np.arange(6, dtype=np.float32).reshape(3, 2)
    matrix = np.array([[1, 0, 2], [0, 0, 0], [0, 1, 0]], np.float32)
    assert (bags.times(dense) == matrix @ dense).all()
    assert (bags.transposed().times(dense) == matrix.T @ dense).all()
    assert (product(bags, torch.from_numpy(dense)).numpy() == matrix @ dense).all()
    assert np.allclose(bags.normalized().weights, [1 / 5**0.5, 2 / 5**0.5, 1])


def test_directions_are_those_of_an_exact_decomposition() -> None:
    chance = np.random.default_rng(0)
    bags = Bags.counted([chance.integers(0, 12, 9).tolist() for _ in range(20)], 12)
    exact = torch.linalg.svd(product(bags, torch.eye(12)))[2][:3].T
    found = right_singular_vectors(bags, 3, n_rounds=20)
    assert torch.allclose((exact.T @ found).abs(), torch.eye(3), atol=1e-3)
    assert right_singular_vectors(bags, 16).shape == (12, 16)


def test_rare_words_weigh_more_and_unknown_ones_most() -> None:
    lexicon = Lexicon.of([["fox", "hare"], ["fox"], ["fox"]])
    assert lexicon.weight("otter") > lexicon.weight("hare") > lexicon.weight("fox")
    assert lexicon.rarity.argmin() == lexicon.columns["fox"]


def test_words_that_stand_together_say_more_than_scattered_ones() -> None:
    weights = {"otter": 2.0, "fish": 1.0}
    assert best_stretch(["otter", "eats", "fish"], weights) == 3.0
    assert best_stretch(["otter", *["so"] * 20, "fish"], weights) == 2.0
    assert best_stretch(["nothing"], weights) == 0.0
