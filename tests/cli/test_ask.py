"""handspun ask answers out of an index: people get numbered sources, scripts one object."""

import io
import json
import shutil
from pathlib import Path

import pytest

from handspun.cli.app import run

SHARD = "A shard holds words. A shard is read in order."
TEXTS = {
    "shard.txt": SHARD,
    "token.txt": "A token has a name.",
    "batch.txt": "A batch comes before the next one. It may be long.",
}
CITATION_KEYS = {
    *("source", "start", "end", "quote", "verified", "heading", "page", "chunk_id", "answer_start", "answer_end"),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index of a few texts."""
    folder = tmp_path_factory.mktemp("ask")
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    assert run(["index", str(folder), "--name", str(folder / "index"), "embedder=none"]) == 0
    return str(folder / "index")


def asked(arguments: list[str], capsys: pytest.CaptureFixture) -> dict:
    """What scripts get."""
    capsys.readouterr()
    assert run(["ask", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_answer_comes_with_what_was_sent_and_citations_that_hold(
    finished_run: Path, index: str, capsys: pytest.CaptureFixture
) -> None:
    answer = asked([str(finished_run), "What is a shard?", "--index", index], capsys)
    assert answer.keys() == {
        *("question", "answer", "citations", "supported", "kind", "sent", "n_left_out", "nearest", "tokens"),
    }
    assert answer["kind"] == "model"
    assert answer["sent"][0]["source"] == "shard.txt"
    assert answer["sent"][0]["text"] == SHARD
    assert 0 < answer["tokens"]["passages"] < answer["tokens"]["read"] <= 128
    for citation in answer["citations"]:
        assert citation.keys() == CITATION_KEYS
        assert citation["verified"] is True
        assert citation["quote"] == TEXTS[citation["source"]][citation["start"] : citation["end"]]


def test_the_extractive_answer_needs_no_run(finished_run: Path, index: str, capsys: pytest.CaptureFixture) -> None:
    question = "What has a name?"
    answer = asked([question, "--index", index, "--extractive"], capsys)
    assert (answer["answer"], answer["kind"], answer["supported"]) == ("A token has a name.", "extractive", True)
    (citation,) = answer["citations"]
    assert (citation["source"], citation["quote"]) == ("token.txt", "A token has a name.")
    assert asked([str(finished_run), question, "--index", index, "--extractive"], capsys) == answer


def test_what_is_not_found_is_not_known_and_no_model_is_asked(
    finished_run: Path, index: str, capsys: pytest.CaptureFixture
) -> None:
    for how in ([], ["--extractive"]):
        answer = asked([str(finished_run), "Qui vive?", "--index", index, *how], capsys)
        assert (answer["answer"], answer["kind"], answer["supported"]) == ("I do not know.", "unknown", False)
        assert (answer["sent"], answer["citations"], answer["tokens"]["read"]) == ([], [], 0)


def test_several_questions_are_answered_side_by_side_as_each_alone(
    finished_run: Path, index: str, capsys: pytest.CaptureFixture
) -> None:
    questions = ["What is a shard?", "Qui vive?", "What is a token?"]
    answers = asked([str(finished_run), *questions, "--index", index], capsys)["answers"]
    assert [answer["question"] for answer in answers] == questions
    assert answers[2] == asked([str(finished_run), questions[2], "--index", index], capsys)


def test_people_get_the_answer_and_its_sources_in_lines(
    finished_run: Path, index: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("What has a name?\n"))
    assert run(["ask", "--index", index, "--extractive"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "A token has a name.",
        "  [1] token.txt, characters 0-19 “A token has a name.”",
        "  (the best sentence that was found; no model was asked)",
    ]
    assert run(["ask", str(finished_run), "What is a shard?", "--index", index, "--show"]) == 0
    shown = capsys.readouterr().out
    assert "shard.txt" in shown and "tokens that were read" in shown


def test_a_run_is_asked_in_its_own_index_where_it_has_one(run_copy: Path, index: str, capsys: pytest.CaptureFixture) -> None:
    assert run(["ask", str(run_copy), "What has a name?"]) == 1
    assert "has no index of its own: name one, --index NAME" in capsys.readouterr().err
    shutil.copytree(index, run_copy / "index")
    answer = asked([str(run_copy), "What has a name?", "--extractive"], capsys)
    assert answer["answer"] == "A token has a name."


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "no run was named"),
        (["What?", "--extractive"], 'no run "What?"'),
        (["What?", "--index", "nowhere", "--extractive"], 'no index "nowhere"'),
    ],
)
def test_what_is_missing_is_named(arguments: list[str], named: str, capsys: pytest.CaptureFixture) -> None:
    assert run(["ask", *arguments]) == 1
    assert named in capsys.readouterr().err


def test_a_question_that_says_nothing_is_refused(index: str, capsys: pytest.CaptureFixture) -> None:
    assert run(["ask", "", "--index", index, "--extractive"]) == 1
    assert "the prompt is empty" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["n_passages=1", "retrieve.min_score=0.9", "retrieve.min_scor=0.9", "generate.temperature=0"])
def test_a_key_that_changes_nothing_is_refused_and_never_asked(
    index: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ask", "What has a name?", "--index", index, "--extractive", key]) == 1
    captured = capsys.readouterr()
    assert f"{key} changes nothing here: no model is asked" in captured.err and captured.out == ""


def test_a_model_is_asked_with_keys_of_generate_and_with_no_others(
    finished_run: Path, index: str, capsys: pytest.CaptureFixture[str]
) -> None:
    question = [str(finished_run), "What is a shard, if x=1?", "--index", index]
    assert asked([*question, "generate.temperature=0.1"], capsys)["question"] == question[1]
    assert run(["ask", *question, "n_passages=1"]) == 1
    assert "n_passages=1 changes nothing here: override keys of [generate]" in capsys.readouterr().err
    assert run(["ask", *question, "generate.temperatur=0"]) == 1
    assert "did you mean generate.temperature?" in capsys.readouterr().err
