"""handspun index: what people and scripts see of it."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.retrieve.index import Index


@pytest.fixture(autouse=True)
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "fox.md").write_text("# Fox\n\nIt runs.\n")
    (folder / "dog.txt").write_text("It barks.")
    return folder


def test_a_folder_is_indexed_and_the_next_command_named(capsys: pytest.CaptureFixture, docs: Path) -> None:
    (docs / "photo.png").touch()
    (docs / "broken.docx").write_bytes(b"PK")
    assert run(["index", "docs", "--name", "pets"]) == 0
    captured = capsys.readouterr()
    assert "2 files in 2 chunks (2 added, 0 changed, 0 removed)" in captured.err
    assert "not read: broken.docx: it is a damaged zip file (File is not a zip file)" in captured.err
    assert "left, being of another kind: 1 .png" in captured.err
    assert "searched by words and by lsa vectors, their share 0.2" in captured.err
    assert "there is too little text to tune on: what counts as found is the default, a score of 0.25" in captured.err
    assert '`handspun search pets "WORDS"`' in captured.err and "--index pets" in captured.err and captured.out == ""


def test_an_index_is_tuned_once_and_again_when_it_has_outgrown_that(capsys: pytest.CaptureFixture, docs: Path) -> None:
    assert run(["index", "docs", "--name", "pets"]) == 0
    (docs / "cat.txt").write_text("It purrs.")
    assert run(["index", "sync", "pets"]) == 0
    first, second = capsys.readouterr().err.split("1 added", 1)
    assert "searched by" in first and "searched by" not in second
    (docs / "owl.txt").write_text("\n\n".join(f"Owl {number} sees everything. " * 40 for number in range(5)))
    assert run(["index", "sync", "pets"]) == 0
    assert "searched by" in capsys.readouterr().err


def test_a_file_with_bad_lines_is_read_in_part(capsys: pytest.CaptureFixture, docs: Path) -> None:
    (docs / "fox.md").unlink()
    (docs / "dog.txt").unlink()
    (docs / "facts.jsonl").write_text('{"text": "It purrs."}\nno\n')
    assert run(["index", "docs", "--name", "pets"]) == 0
    said = capsys.readouterr().err
    assert "1 file in 1 chunk (1 added" in said
    assert "read in part: facts.jsonl: 1 of its lines could not be read; line 2" in said and "not read" not in said


def test_the_same_command_again_keeps_the_settings_that_it_does_not_name(docs: Path, finished_run: Path) -> None:
    assert run(["index", "docs", "chunk_tokens=20", "embedder=none", "--name", "pets", "--run", str(finished_run)]) == 0
    assert run(["index", "docs", "n_passages=1", "--name", "pets"]) == 0
    with closing(Index.open("pets")) as again:
        assert (again.config.chunk_tokens, again.config.embedder, again.config.n_passages) == (20, "none", 1)
        assert again.settings.run == str(finished_run) and again.tokenizer is not None


def test_scripts_get_numbers_and_reasons(capsys: pytest.CaptureFixture, docs: Path) -> None:
    (docs / "broken.docx").write_bytes(b"PK")
    assert run(["index", "docs", "chunk_tokens=20", "--name", "pets", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == [
        "files",
        "chunks",
        "added",
        "changed",
        "removed",
        "failed",
        "failures",
        "in_part",
        "unread",
        "seconds",
    ]
    assert (found["files"], found["chunks"], found["added"], found["failed"]) == (2, 2, 2, 1)
    assert found["failures"] == [{"path": "broken.docx", "reason": "it is a damaged zip file (File is not a zip file)"}]
    (docs / "dog.txt").unlink()
    assert run(["index", "sync", "pets", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["added"], found["changed"], found["removed"]) == (1, 0, 0, 1)


def test_indexes_are_listed(capsys: pytest.CaptureFixture, docs: Path) -> None:
    assert run(["index", "list"]) == 0
    assert "`handspun index FOLDER --name NAME` makes the first one" in capsys.readouterr().err
    run(["index", "docs", "--name", "pets", "embedder=none"])
    Path("indexes/broken").mkdir()
    Path("indexes/broken/index.toml").write_text("roots = 1")
    capsys.readouterr()
    assert run(["index", "list", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["indexes"] == [
        {"name": "pets", "files": 2, "failed": 0, "chunks": 2, "embedder": "none", "store": "sqlite", "roots": [str(docs)]}
    ]
    assert captured.err.startswith("error: indexes/broken/index.toml: roots=1 should be list of str")
    assert run(["index", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:6] == ["pets", "2", "0", "2", "none", "sqlite"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["absent", "--name", "pets"],
            "absent does not exist: correct the path, mount what it is on",
        ),
        (["--name", "pets"], "needs something to be made of: name files or folders to index"),
        (["docs", "chunk_token=20", "--name", "pets"], "chunk_token=20 is no key of a recipe; did you mean chunk_tokens?"),
        (["docs", "store=paper", "--name", "pets"], 'store="paper"'),
        (["docs", "--name", "docs/"], "docs holds dog.txt and no index.toml, so it is no index; give another --name"),
        (["docs", "--name", "pets", "--run", "absent"], 'no run "absent"'),
        (["sync", "pets"], 'no index "pets"; there are none yet'),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_leaves_nothing(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture
) -> None:
    assert run(["index", *words]) == 1
    assert complaint in capsys.readouterr().err
    assert not Path("indexes").exists()


def test_an_index_keeps_what_it_is_made_of(capsys: pytest.CaptureFixture, docs: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/owl.txt").write_text("It sees.")
    assert run(["index", "docs", "--name", "pets"]) == 0
    assert run(["index", "notes", "--name", "pets"]) == 1
    assert f"indexes/pets is made of {docs}: name that too, or give another --name" in capsys.readouterr().err
    assert run(["index", "docs", "notes", "--name", "pets", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 3


def test_a_sync_makes_an_index_of_other_sources_and_forgets_what_is_gone_from_them(
    capsys: pytest.CaptureFixture, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/owl.txt").write_text("It sees.")
    assert run(["index", "docs", "--name", "pets"]) == 0
    assert run(["index", "sync", "pets", 'sources=["absent"]']) == 1
    assert "absent does not exist" in capsys.readouterr().err
    assert run(["index", "sync", "pets", 'sources=["notes"]', "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["added"], found["removed"]) == (1, 1, 2)
    (tmp_path / "notes/owl.txt").unlink()
    (tmp_path / "notes").rmdir()
    assert run(["index", "sync", "pets"]) == 1
    assert "leave it out (sources=…)" in capsys.readouterr().err
    assert run(["index", "sync", "pets", 'sources=["docs/fox.md"]']) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(["index", "sync", str(tmp_path / "indexes/pets"), "embedder=none", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 1


def test_the_tokenizer_of_a_run_counts_the_tokens(finished_run: Path, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert run(["index", "docs", "--name", "pets", "--run", str(finished_run)]) == 0
    assert f'run = "{finished_run}"' in (tmp_path / "indexes/pets/index.toml").read_text()
    assert (tmp_path / "indexes/pets/tokenizer/tokenizer.json").is_file()


def test_the_same_folder_in_another_spelling_is_the_same(docs: Path, tmp_path: Path) -> None:
    assert run(["index", "docs/../docs", "--name", "pets", "embedder=none"]) == 0
    assert run(["index", str(docs), "./docs", "--name", "pets"]) == 0
    with closing(Index.open("pets")) as again:
        assert again.roots == (docs,) and set(again.store.files()) == {"fox.md", "dog.txt"}


def test_a_name_that_no_client_can_send_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "docs", "--name", "a+b", "embedder=none"]) == 0
    assert 'no client can send "a+b", so it will not be served' in capsys.readouterr().err
    assert run(["index", "docs", "--name", "a-b", "embedder=none"]) == 0
    assert "no client" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [["sync"], ["doctor"], ["remove"], ["docs", "--name"]])
def test_a_name_too_long_for_a_file_is_one_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", *words, "x" * 300]) == 1
    assert capsys.readouterr().err.endswith("is too long for the name of a file; give a shorter one.\n")


def test_a_file_where_the_folder_of_an_index_should_be_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("indexes").mkdir()
    Path("indexes/plain").touch()
    assert run(["index", "docs", "--name", "plain"]) == 1
    assert "indexes/plain is a file, and a folder is needed there" in capsys.readouterr().err


def test_an_index_that_cannot_be_read_is_not_called_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "docs", "--name", "pets", "embedder=none"]) == 0
    Path("indexes/pets/index.sqlite").write_bytes(b"no database" * 100)
    capsys.readouterr()
    assert run(["index", "list"]) == 0
    said = capsys.readouterr().err
    assert "index.sqlite is damaged" in said and "no indexes" not in said
