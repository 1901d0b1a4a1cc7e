"""A source is known by what tells it from the same source changed."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from handspun.corpus.config import CorpusConfig
from handspun.errors import CorpusError, DiskFullError
from handspun.recipe import Recipe
from handspun.runs import Run
from handspun.stages.curate import CURATE, fetch, source_hash
from handspun.stages.stage import Workshop, run_stage


def test_a_file_or_a_folder_is_known_by_names_sizes_and_times(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    of_file, of_folder = source_hash(str(folder / "a.txt")), source_hash(str(folder))
    assert source_hash(str(folder)) == of_folder
    os.utime(folder / "a.txt", ns=(0, 0))
    assert source_hash(str(folder / "a.txt")) != of_file
    assert source_hash(str(folder)) != of_folder
    touched = source_hash(str(folder))
    (folder / "b.txt").write_text("two")
    assert source_hash(str(folder)) != touched


def test_a_path_from_home_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CorpusError, match=r'corpus\.sources names "~/a\.txt", which does not exist: '):
        source_hash("~/a.txt")
    (tmp_path / "a.txt").write_text("one")
    assert source_hash("~/a.txt") == source_hash("~/a.txt")


def test_a_file_to_learn_reading_from_is_known_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        source_hash(f"reader:{tmp_path / 'facts.jsonl'}", "corpus.conversations")
    (tmp_path / "facts.jsonl").write_text("{}")
    assert source_hash(f"reader:{tmp_path / 'facts.jsonl'}") == source_hash(str(tmp_path / "facts.jsonl"))


def test_what_is_built_in_changes_with_python() -> None:
    assert platform.python_version() in source_hash("python")
    assert source_hash("manners") == source_hash("python")


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.done: dict[str, int] = {}

    @contextmanager
    def progress(self, stage: str, unit: str) -> Iterator[Any]:
        yield lambda done, total=None: self.done.__setitem__(stage, done)

    def say(self, text: str) -> None:
        self.said.append(text)

    def sample(self, prompt: str, text: str) -> None: ...


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A recipe whose text lies on the hub, and that hub in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some/texts").mkdir(parents=True)
    rows = [f"Row {number} tells of {number * number} things that are not in another row." for number in range(100)]
    parquet.write_table(pa.table({"text": rows}), tmp_path / "some/texts/a.parquet")
    corpus = CorpusConfig(sources=("hub:some/texts",), max_bytes=4000, hub_folder="kept", val_share=0.2)
    return Workshop(Recipe(name="mine", corpus=corpus), Run(tmp_path / "run"), Listener())


def test_text_on_the_hub_is_fetched_once_and_its_room_on_the_disk_is_said_before(workshop: Workshop) -> None:
    assert not run_stage(CURATE, workshop).was_fresh
    listener = workshop.reporter
    assert isinstance(listener, Listener)
    said, kept = listener.said
    assert kept.startswith("curate: ") and "documents to train on" in kept
    assert re.fullmatch(
        r"4.0 kB of text to fetch, which takes about 1.6 kB in kept \([\d,.]+ GB free\) and 8.8 kB in .*corpus \(.* GB free\)",
        said,
    )
    assert listener.done["fetch hub:some/texts"] == 4000
    assert run_stage(CURATE, workshop).was_fresh
    fetch(workshop)
    assert len(listener.said) == 2


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_read(workshop: Workshop, tmp_path: Path) -> None:
    vast = CorpusConfig(sources=("hub:some/texts",), max_bytes=2**60, hub_folder="kept")
    with pytest.raises(DiskFullError, match=r"the corpus takes about [\d,.]+ GB in kept \([\d,.]+ GB free\): free some space"):
        fetch(Workshop(Recipe(name="mine", corpus=vast), workshop.run, workshop.reporter))
    assert not (tmp_path / "kept").exists()


def test_a_name_on_the_hub_stands_for_its_text() -> None:
    assert source_hash("hub:some/texts") == source_hash("hub:some/texts") != source_hash("hub:some/texts/more")
