"""An index tunes itself on questions made out of its own text."""

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handspun.errors import DamagedFileError
from handspun.retrieve.chunk import Chunk, IndexedDocument, IndexedFile
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.fusion import Arms, Candidate
from handspun.retrieve.index import Index
from handspun.retrieve.known_items import MOST_OF_ONE, picked
from handspun.retrieve.rehearsal import DEFAULT_MIN_SCORE, DEFAULT_WEIGHT, LEAST_NDCG, WEIGHTS, border, chosen_weight
from handspun.retrieve.searcher import Searcher
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
    found = Searcher(index).search("harbor captain")
    again = Index.open(tmp_path / "themes")
    assert [hit.chunk for hit in Searcher(again).search("harbor captain")] == [hit.chunk for hit in found]
    assert found[0].chunk.source.startswith("sea")


@pytest.mark.parametrize(("n_each", "between"), [(25, 75 + 100), (3, 9 + 400)])
def test_progress_counts_the_texts_of_the_trial_and_then_all(tmp_path: Path, n_each: int, between: int) -> None:
    told: list[tuple[int, int]] = []
    tune(theme_index(tmp_path / "themes", n_each), lambda *done_and_total: told.append(done_and_total))
    done, totals = zip(*told)
    assert set(totals) == {6 * n_each + 400} and (done[0], done[-1]) == (0, 6 * n_each + 400)
    assert list(done) == sorted(done) and between in done


def test_tuning_twice_gives_the_same_bit_for_bit(tmp_path: Path) -> None:
    assert tune(theme_index(tmp_path / "one")) == tune(theme_index(tmp_path / "other"))


def test_too_little_text_gets_the_defaults_and_none_gets_nothing(tmp_path: Path) -> None:
    assert tune(theme_index(tmp_path / "none", 0)) is None
    tuned = tune(theme_index(tmp_path / "few", 3))
    assert tuned is not None and (tuned.n_known_items, tuned.weight) == (0, DEFAULT_WEIGHT)


def test_one_rubbish_file_does_not_spoil_the_tuning(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "themes")
    clean = tune(index)
    rubbish = [Chunk("huge.txt", place, place + 1, "x " * 300) for place in range(100)]
    numbers = [Chunk("huge.txt", place, place + 1, f"{place} {place * 7} " * 20) for place in range(100, 200)]
    index.store.use_embedder(None)
    index.store.replace(IndexedFile("huge.txt", "0" * 64, 1), [IndexedDocument("huge.txt", "")], rubbish + numbers)
    tuned = tune(index)
    assert clean is not None and tuned is not None and tuned.n_known_items == clean.n_known_items
    assert tuned.ndcg_words == pytest.approx(clean.ndcg_words, abs=0.05)
    assert tuned.min_score == pytest.approx(clean.min_score, abs=0.05)


def test_questions_that_nothing_answers_leave_the_defaults(tmp_path: Path) -> None:
    index, chance = Index.create(tmp_path / "same", RetrieveConfig(), [tmp_path]), np.random.default_rng(0)
    words = " ".join(THEMES.values()).split()
    for number in range(200):
        put(index, f"{number}.txt", " ".join(chance.permutation(words)))
    tuned = tune(index)
    assert tuned is not None and tuned.n_known_items == 200 and tuned.ndcg_words is not None and tuned.ndcg_words < LEAST_NDCG
    assert (tuned.weight, tuned.min_score, tuned.share_found) == (DEFAULT_WEIGHT, DEFAULT_MIN_SCORE, None)


def test_no_document_gives_much_more_than_its_share_of_the_questions() -> None:
    prose = " ".join(THEMES["sea"].split() + THEMES["bread"].split() + THEMES["stars"].split())
    long = [Chunk("long.txt", start, start + 1, prose) for start in range(100)]
    short = [Chunk(f"{number}.txt", 0, 1, prose) for number in range(20)]
    chance = random.Random(0)
    places = picked(long + short, 50, chance)
    assert len(places) == MOST_OF_ONE + 20 and set(places) >= set(range(100, 120))
    assert len(picked(long, 50, chance)) == 50


def test_without_an_embedder_words_are_searched_alone(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "themes", embedder="none")
    tuned = tune(index)
    assert tuned is not None and (tuned.embedder, tuned.weight) == (None, 0.0)
    assert Searcher(index).search("harbor captain")[0].vector_score is None


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
    searcher = Searcher(index)
    tuned = tune(Index.create(tmp_path / "few", RetrieveConfig(embedder="static"), index.roots))
    assert tuned is not None and tuned.folder.startswith("static-")
    assert [folder.name for folder in index.embedder_folder.iterdir()] == [tuned.folder]
    assert searcher.search("harbor captain")[0].chunk.source.startswith("sea")


def test_a_search_during_which_the_embedder_changes_is_made_again(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "few", 3)
    tune(index)

    class Slow(Arms):
        def candidates(self, *arguments: Any) -> list[Candidate]:
            tune(Index.create(tmp_path / "few", RetrieveConfig(embedder="static"), index.roots))
            return super().candidates(*arguments)

    searcher = Searcher(index)
    searcher._arms = Slow(searcher._arms.lexicon, searcher._arms.embedder)
    found = searcher.search("harbor captain")
    assert found == Searcher(index).search("harbor captain") and found[0].vector_score is not None
    assert not isinstance(searcher._arms, Slow)


def test_a_switch_that_was_stopped_halfway_leaves_words_alone(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "few", 3)
    Tuned(asked="lsa", folder="", embedder=None, weight=0.0, min_score=0.2, n_chunks=9).note(index.store)
    assert not is_tuned(index)
    assert Searcher(index).search("harbor captain")[0].vector_score is None


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    index = theme_index(tmp_path / "few", 3)
    tuned = tune(index)
    assert tuned is not None
    table = index.embedder_folder / tuned.folder / "table.safetensors"
    table.write_bytes(table.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(DamagedFileError, match=r"its bytes have changed; delete .* then `handspun index sync"):
        Searcher(index)
    shutil.rmtree(table.parent)
    assert not is_tuned(index)
    assert Searcher(index).search("harbor captain")[0].vector_score is None
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
