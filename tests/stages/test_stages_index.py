"""A run's own index: made where the recipe asks for one, made anew where its text or its settings have changed, else left."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from handspun.corpus.document import Document, Question
from handspun.corpus.records import read_documents, write_records
from handspun.errors import CorpusError
from handspun.files import read_json, seal_folder
from handspun.recipe import load_recipe
from handspun.retrieve.index import Index
from handspun.retrieve.searcher import Searcher
from handspun.retrieve.tuning import is_tuned
from handspun.runs import Run
from handspun.stages.index import file_names, passage_text, write_own_text
from handspun.stages.pipeline import run_stages
from handspun.stages.stage import Outcome, Workshop

ASKED_FOR = ('retrieve.embedder="none"', "retrieve.chunk_tokens=40")


class Listener:
    """Keeps what the stages say."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def progress(self, stage: str, unit: str) -> Iterator[Any]:
        yield lambda done, total=None, **fields: None

    def say(self, text: str) -> None:
        self.said.append(text)

    def sample(self, prompt: str, text: str) -> None:
        pass


def made(recipe: Path, folder: Path, *overrides: str, listener: Listener | None = None) -> dict[str, Outcome]:
    """What becomes of each stage of a recipe in a folder."""
    workshop = Workshop(load_recipe(str(recipe), overrides), Run(folder), listener or Listener())
    return {outcome.stage: outcome for outcome in run_stages(workshop)}


def done_again(outcomes: dict[str, Outcome]) -> list[str]:
    """The stages that were not fresh."""
    return [name for name, outcome in outcomes.items() if not outcome.was_fresh]


@pytest.fixture(scope="module")
def indexed_run(tiny_recipe: Path, finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run with an index of its own."""
    folder = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("indexed") / "tiny"))
    assert done_again(made(tiny_recipe, folder, *ASKED_FOR)) == ["index", "evaluate"]
    return folder


@pytest.fixture
def indexed_copy(indexed_run: Path, tmp_path: Path) -> Path:
    """One to change."""
    return Path(shutil.copytree(indexed_run, tmp_path / "tiny"))


def test_every_document_of_the_run_can_be_found_under_its_own_name(indexed_run: Path) -> None:
    with closing(Index.open(indexed_run / "index")) as index:
        for name in ("train.jsonl", "val.jsonl"):
            for document in read_documents(indexed_run / "corpus" / name):
                stored = index.store.document(f"texts.jsonl#{document.id}")
                assert stored is not None and stored.text == document.text
        assert Searcher(index).search("What is a shard?")[0].chunk.source.startswith("texts.jsonl#text ")
        assert index.store.faults() == []
        assert is_tuned(index)


def test_without_the_table_there_is_no_such_stage(tiny_recipe: Path, finished_run: Path) -> None:
    assert "index" not in made(tiny_recipe, finished_run)
    assert not (finished_run / "index").exists()


def test_it_is_made_once_and_again_where_its_settings_change_but_training_is_left_alone(
    tiny_recipe: Path, indexed_copy: Path
) -> None:
    assert done_again(made(tiny_recipe, indexed_copy, *ASKED_FOR)) == []
    listener = Listener()
    changed = made(tiny_recipe, indexed_copy, *ASKED_FOR, "retrieve.chunk_tokens=20", listener=listener)
    assert done_again(changed) == ["index", "evaluate"]
    assert "retrieve.chunk_tokens" in listener.said[0]
    assert list((indexed_copy / "superseded").glob("index-*/index/index.sqlite"))
    assert made(tiny_recipe, indexed_copy, *ASKED_FOR)["index"].was_taken_back


def test_a_recipe_that_no_longer_asks_for_it_sets_it_aside(tiny_recipe: Path, indexed_copy: Path) -> None:
    assert made(tiny_recipe, indexed_copy)["evaluate"].was_taken_back
    assert not (indexed_copy / "index").exists()
    assert list((indexed_copy / "superseded").glob("index-*/index/index.sqlite"))


def test_an_index_that_is_gone_is_made_again(tiny_recipe: Path, indexed_copy: Path) -> None:
    shutil.rmtree(indexed_copy / "index")
    assert done_again(made(tiny_recipe, indexed_copy, *ASKED_FOR)) == ["index"]


def test_texts_of_its_own_may_be_named_and_what_is_not_there_is_said(tiny_recipe: Path, indexed_copy: Path) -> None:
    notes = indexed_copy.parent / "notes"
    with pytest.raises(CorpusError, match=r"retrieve\.sources names"):
        made(tiny_recipe, indexed_copy, *ASKED_FOR, f'retrieve.sources=["{notes}"]')
    notes.mkdir()
    (notes / "ships.md").write_text("# Ships\n\nA harbor holds ships.\n")
    made(tiny_recipe, indexed_copy, *ASKED_FOR, f'retrieve.sources=["{notes}"]')
    with closing(Index.open(indexed_copy / "index")) as index:
        assert [chunk.source for chunk in index.store.every_chunk()] == ["ships.md"]


def test_held_out_questions_are_answered_out_of_it_too(tiny_recipe: Path, indexed_copy: Path) -> None:
    question = Question("1", "text 1", "does", "What is a shard?", "It holds words.", "A shard holds words.", "A page.")
    write_records(indexed_copy / "corpus" / "questions.jsonl", [question])
    seal_folder(indexed_copy / "corpus", {})
    made(tiny_recipe, indexed_copy, *ASKED_FOR)
    evaluation = read_json(indexed_copy / "evaluation.json")
    assert set(evaluation["exact_match"]) == {"closed_book", "wrong_passage", "right_passage", "retrieved"}
    assert evaluation["n_questions"] == 1
    assert 0 <= evaluation["citations"]["recall"] <= 1
    assert [example["question"] for example in evaluation["cited"]] == ["What is a shard?"]


def test_docstrings_are_one_line_below_their_heading_and_other_texts_are_left() -> None:
    doc = Document("function a.b(c)\nHolds\n    words.\n\nNo more.", "a.b", "python", {"kind": "function"})
    assert passage_text(doc) == "function a.b(c)\nHolds words. No more."
    for other in (Document("A\n  page.", "t", "python", {"kind": "topic"}), Document("A\n  page.", "t", "notes.txt")):
        assert passage_text(other) == "A\n  page."


def test_each_source_has_a_file_of_its_own(tmp_path: Path) -> None:
    sources = ["python", "~/notes.jsonl", "other/notes.jsonl", "hub:owner/name/part"]
    assert list(file_names(sources)) == ["python.jsonl", "notes.jsonl", "notes-2.jsonl", "part.jsonl"]
    write_own_text([Document("é", "1", "a.txt", {"lang": "fr"}), Document("b", "2", "b.txt")], tmp_path)
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {"lang": "fr", "id": "1", "text": "é"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl"]
