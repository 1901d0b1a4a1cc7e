"""The text that there is: counted in shards, or estimated from files, or unknown."""

from dataclasses import replace
from pathlib import Path

import pytest

from handspun.corpus.config import CorpusConfig
from handspun.files import write_json
from handspun.planner.text import bytes_per_token, text_of
from handspun.recipe import Recipe, load_recipe
from handspun.runs import Run
from handspun.train.config import SuperpositionConfig, TrainConfig


def recipe(*sources: str, kind: str | None = None) -> Recipe:
    """A million tokens in training, of these sources, with superposition where a kind of it is given."""
    superposition = SuperpositionConfig(bag=6, share=0.5, kind=kind) if kind else None
    train = TrainConfig(train_tokens=1_024_000, batch_tokens=8192, superposition=superposition)
    return Recipe(name="mine", corpus=CorpusConfig(sources=sources, val_share=0.5), train=train)


def test_plain_files_are_as_long_as_they_are_large(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("a.txt", "below/b.md"):
        (tmp_path / name).write_text("x" * 3200)
    text = text_of(recipe(str(tmp_path)), None)
    assert text.available == round(6400 * 0.5 / bytes_per_token(8192))
    assert text.wanted == 1_024_000
    assert text.is_enough, "a corpus may be read again"


def test_what_is_compressed_elsewhere_or_absent_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for source in (str(tmp_path), str(tmp_path / "nowhere.txt")):
        text = text_of(recipe(source, "python", kind="both"), None)
        assert text.available is None and text.is_enough


def test_what_is_read_of_the_hub_is_what_the_recipe_says() -> None:
    hub = replace(recipe("python"), corpus=CorpusConfig(sources=("hub:owner/name",), max_bytes=3_530_000, val_share=0))
    assert text_of(hub, None).available == pytest.approx(1_000_000, rel=0.01)


def test_larger_vocabularies_have_longer_tokens() -> None:
    assert bytes_per_token(50_257) == pytest.approx(4.4, abs=0.01)
    assert bytes_per_token(4096) == 3.2
    assert bytes_per_token(16) == 1


def test_bags_read_more_text_and_read_it_once() -> None:
    both, output = (text_of(recipe("python", kind=kind), None) for kind in ("both", "output"))
    assert both.wanted == pytest.approx((6 * 0.5 + 0.5) * 1_024_000, rel=0.01) and not both.is_enough
    assert output.wanted == 1_024_000 and output.is_enough


def test_shards_are_counted(finished_run: Path) -> None:
    run = Run(finished_run)
    counted, estimated = (text_of(load_recipe(str(finished_run)), where).available for where in (run, None))
    assert counted == run.stages()["tokenize"]["facts"]["train"]["tokens"] != estimated
    assert text_of(recipe("python"), Run(Path("nowhere"))).available == text_of(recipe("python"), None).available


def mixture(*weights: float, kind: str | None = None) -> Recipe:
    """Python's documentation and four million bytes of the hub, by weight."""
    corpus = CorpusConfig(sources=("python", "hub:owner/name"), weights=weights, max_bytes=10_000_000, val_share=0)
    return replace(recipe("python", kind=kind), corpus=corpus)


def test_of_a_mixture_each_source_is_counted_by_itself() -> None:
    text = text_of(mixture(3, 1), None)
    python, hub = text.shares
    assert (python.share, hub.share) == (0.75, 0.25)
    assert python.wanted == 3 * hub.wanted == 768_000
    assert python.available == pytest.approx(2_700_000 / bytes_per_token(8192), abs=1)
    assert hub.available == pytest.approx(2_500_000 / bytes_per_token(8192), abs=1)
    assert text.available == python.available + hub.available
    assert python.readings == pytest.approx(768_000 / python.available)
    assert text_of(recipe("python"), None).shares == ()


def test_a_mixture_that_is_read_once_is_too_little_where_one_source_is() -> None:
    text = text_of(mixture(9, 1, kind="both"), None)
    assert text.wanted < 4 * 1_024_000 and not text.is_enough
    assert text.too_little == text.shares[0]
    assert text_of(mixture(9, 1), None).is_enough


def test_the_shards_of_a_mixture_are_counted_set_by_set(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for place, n_tokens in enumerate((5000, 700)):
        write_json(run.tokens / f"train-{place}" / "manifest.json", {"n_tokens": n_tokens, "files": {}})
    text = text_of(mixture(3, 1), run)
    assert [part.available for part in text.shares] == [5000, 700]
    assert text.available == 5700
