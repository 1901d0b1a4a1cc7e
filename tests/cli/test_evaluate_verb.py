"""handspun evaluate says what an index is worth to a model, in a page, in JSON and in a sentence."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.files import read_json
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.index import Index
from handspun.retrieve.ingest import sync

ARMS = {"closed_book", "wrong_passage", "retrieved"}
QUICK = ("evaluate.scored_tokens=64", "evaluate.stride=16")


@pytest.fixture(scope="module")
def index(tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the texts that the tiny run was made of, those it is measured on among them."""
    folder = tmp_path_factory.mktemp("indexes") / "texts"
    with closing(Index.create(folder, RetrieveConfig(embedder="none"), [tiny_recipe.with_name("texts.jsonl")])) as made:
        sync(made)
    return folder


def test_it_measures_search_answers_and_text_and_writes_a_page(
    run_copy: Path, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = tmp_path / "exam.jsonl"
    exam.write_text(
        json.dumps({"question": "What is a shard?", "answer": "It holds words."})
        + "\n"
        + json.dumps({"question": "What is a page?", "answer": "holds words", "source": "texts.jsonl"})
    )
    assert run(["evaluate", str(run_copy), *QUICK, "--index", str(index), "--questions", str(exam), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == read_json(run_copy / "evaluations" / "texts.json")
    assert facts["retrieval"]["judged_by"] == "known items" and 0 < facts["retrieval"]["recall_at_100"] <= 1
    assert set(facts["answers"]["exact_match"]) == set(facts["text"]["bpb"]) == ARMS
    assert facts["answers"]["n_questions"] == 2
    assert facts["text"]["stride"] == 16 and facts["text"]["gain"]["wrong_passage"]["p"] <= 1
    page = (run_copy / "evaluations" / "texts.md").read_text()
    assert page.startswith("# What the index") and "| retrieved passages |" in page and "What is a shard?" in page


def test_to_people_it_answers_whether_retrieval_is_helping(
    run_copy: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(run_copy), *QUICK, "--index", str(index)]) == 0
    said = capsys.readouterr().out
    assert "Is retrieval helping?\n  In text: " in said and "In answers" not in said
    assert "retrieved passages" in said and "known items" in said


def test_judgments_of_ones_own_are_counted_by_document(
    run_copy: Path, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queries, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.txt"
    queries.write_text(json.dumps({"id": "q", "text": "a shard holds words"}))
    qrels.write_text("q 0 texts.jsonl#nowhere 1\n")
    arguments = ["evaluate", str(run_copy), *QUICK, "--index", str(index), "--queries", str(queries), "--qrels", str(qrels)]
    assert run([*arguments, "--json"]) == 0
    retrieval = json.loads(capsys.readouterr().out)["retrieval"]
    assert (retrieval["judged_by"], retrieval["queries"], retrieval["mrr"]) == ("qrels", 1, 0)


def test_without_an_index_it_says_how_to_make_one(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(finished_run)]) == 1
    assert "has no index of its own" in capsys.readouterr().err


def test_queries_without_judgments_are_refused(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(finished_run), "--queries", "queries.jsonl"]) == 1
    assert "--qrels FILE" in capsys.readouterr().err
