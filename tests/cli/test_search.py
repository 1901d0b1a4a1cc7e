"""handspun search finds chunks by words and by meaning, for people and for scripts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from handspun.cli.app import run

TEXTS = {
    "fox.md": "# Foxes\n\nThe quick fox hunts hares at night.\n",
    "owl.md": "# Owls\n\nThe owl sees everything. Owls hunt mice at night.\n",
    "bread.txt": "Bread is baked of flour and water in a hot oven.\n",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index of a few files."""
    folder = tmp_path_factory.mktemp("texts")
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    (folder / "records.jsonl").write_text('{"id": "r 1#0", "text": "An otter eats fish."}\n{"id": "r2", "text": "A crab."}\n')
    name = str(tmp_path_factory.mktemp("indexes") / "animals")
    assert run(["index", str(folder), "--name", name]) == 0
    return name


def test_hits_are_listed_for_scripts(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", index, "Do owls hunt mice?", "--k", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    best = found["hits"][0]
    assert found["query"] == "Do owls hunt mice?" and len(found["hits"]) == 2
    assert best["source"] == "owl.md" and best["text"] == best["text"][: best["end"] - best["start"]]
    assert set(best) == {"chunk_id", "source", "score", "start", "end", "text", "heading", "page"}


def test_searching_by_words_and_meaning_takes_no_torch(index: str) -> None:
    say = f"import sys; from handspun.cli.app import run; run(['search', {index!r}, 'mice']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True).stdout.split()
    assert "handspun.retrieve.word_table" in loaded and "torch" not in loaded


def test_people_see_where_it_stands_and_which_words_matched(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", index, "hunting mice"]) == 0
    shown = capsys.readouterr().out
    assert "owl.md, characters 0-57, Owls" in shown and "⟦hunt⟧ ⟦mice⟧" in shown


def test_filters_narrow_the_search(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", index, "hunt at night", "--filter", "source=fox*", "--json"]) == 0
    assert {hit["source"] for hit in json.loads(capsys.readouterr().out)["hits"]} == {"fox.md"}


def test_many_queries_give_rows_as_trec_has_them(index: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"id": "q 1", "text": "otter fish"}\n\n{"id": 2, "text": "flour"}\n')
    assert run(["search", index, "--queries", str(queries)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert all(len(row) == 6 and row[1] == "Q0" and row[5] == "handspun" for row in rows)
    best = [(row[0], row[2]) for row in rows if row[3] == "1"]
    assert best == [("q_1", "r_1#0"), ("2", "bread.txt")]


def test_what_nobody_wrote_of_is_not_found_and_the_reason_is_said(
    index: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", index, "parliament", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["hits"] == [] and "nothing found: no chunk has a word of it." in captured.err
    assert run(["search", index, "owls", "--filter", "year=1999"]) == 0
    assert "nothing found: no document says year; filters may ask for source" in capsys.readouterr().err
    (tmp_path / "queries.jsonl").write_text('{"id": "1", "text": "fox"}\n')
    assert run(["search", index, "--queries", str(tmp_path / "queries.jsonl"), "--filter", "source=*.pdf"]) == 0
    assert "nothing can be found: no document has source=*.pdf." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "one of the two"),
        ([" "], "the query is empty"),
        (["fox", "--k", "0"], "at least 1 hit"),
        (["fox", "--filter", "source"], "KEY=VALUE"),
        (["--queries", "nowhere.jsonl"], "nowhere.jsonl is no file; correct the path"),
    ],
)
def test_impossible_requests_are_refused_in_a_sentence(
    index: str, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", index, *words]) == 1
    assert complaint in capsys.readouterr().err


def test_a_line_that_is_no_query_is_named(index: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "queries.jsonl").write_text('{"id": "1", "text": "fox"}\n{"id": "2"}\n')
    assert run(["search", index, "--queries", str(tmp_path / "queries.jsonl")]) == 1
    assert 'line 2: has no text under "text"' in capsys.readouterr().err


def test_an_index_changes_its_embedder(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "sync", index, "embedder=none"]) == 0
    assert run(["search", index, "owls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["source"] == "owl.md"
    assert run(["index", "sync", index, "embedder=best"]) == 1
    assert "must be none, lsa, static" in capsys.readouterr().err


def test_the_name_of_a_file_forges_no_hit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    name = "a\n 1  0.999  law.txt\u2028b.txt"
    (tmp_path / "docs" / name).write_text("The fox hunts.")
    (tmp_path / "docs" / "c\nnot read: d.txt").write_bytes(b"\xff")
    assert run(["index", str(tmp_path / "docs"), "embedder=none", "--name", str(tmp_path / "index")]) == 0
    assert "\nnot read: c␊not read: d.txt: " in capsys.readouterr().err
    assert run(["search", str(tmp_path / "index"), "fox"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("  a␊ 1  0.999  law.txt<U+2028>b.txt, characters 0-14")
    assert run(["ask", "fox", "--extractive", "--index", str(tmp_path / "index")]) == 0
    assert "[1] a␊ 1  0.999  law.txt<U+2028>b.txt, characters 0-14" in capsys.readouterr().out
    assert run(["search", str(tmp_path / "index"), "fox", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["source"] == name


def test_an_empty_file_of_queries_is_refused(index: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "queries.jsonl").write_text("\n")
    assert run(["search", index, "--queries", str(tmp_path / "queries.jsonl")]) == 1
    assert "queries.jsonl is empty; write one JSON object a line" in capsys.readouterr().err


def test_words_without_quotes_are_one_query(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", index, "mice", "owls", "hunt", "--json"]) == run(["search", index, "mice owls hunt", "--json"]) == 0
    bare, quoted = capsys.readouterr().out.split("}\n{")
    assert bare.strip("{}\n") == quoted.strip("{}\n")


def test_what_an_encoding_cannot_say_is_replaced_and_in_json_spelled_out(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fox.txt").write_text("The naïve fox hunts 🦊.")
    assert run(["index", str(tmp_path / "docs"), "embedder=none", "--name", str(tmp_path / "index")]) == 0
    command = [sys.executable, "-m", "handspun", "search", str(tmp_path / "index"), "fox"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert b"The na?ve ?fox? hunts ?." in done.stdout and done.stderr == b""
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout)["hits"][0]["text"] == "The naïve fox hunts 🦊."
