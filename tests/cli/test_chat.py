"""handspun chat remembers, reads passages, and takes commands."""

import io
import re
import shutil
from pathlib import Path

import pytest

from handspun.cli.app import run


def conversation(
    lines: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> tuple[list[str], list[str]]:
    """What is said, a line per reply, and what is talked about, of a conversation with these lines typed."""
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    assert run(["chat", str(folder), 'generate.stop=["\\n"]']) == 0
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()[1:]


def test_each_message_gets_a_line_and_the_end_of_input_ends_it(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    said, talk = conversation(["What is a shard?", "", "What is a token?"], finished_run, monkeypatch, capsys)
    assert len(said) == 2
    assert talk == []


def test_commands_are_obeyed_and_unknown_ones_named(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    lines = ["/help", "/passage A shard holds words.", "/passage", "/new", "/nonsense", "/exit", "never read"]
    said, talk = conversation(lines, finished_run, monkeypatch, capsys)
    assert said == []
    assert any("/passage TEXT" in line for line in talk)
    assert talk[-4:] == [
        "the next message comes with it",
        "no passage: write /passage TEXT or @FILE",
        "a new conversation",
        "/nonsense is no command; /help lists them.",
    ]


def test_a_message_too_long_to_be_read_is_refused_and_the_conversation_goes_on(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    said, talk = conversation(["a shard " * 80, "What is a shard?"], finished_run, monkeypatch, capsys)
    assert len(said) == 1
    assert len(talk) == 1 and "tokens and this model reads 128 with its reply" in talk[0]


def test_a_passage_too_long_to_be_read_is_refused_at_once_and_not_attached(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    lines = ["/passage " + "a shard " * 80, "What is a shard?", "/passage A shard.", "What? " * 60, "/passage", "What?"]
    said, talk = conversation(lines, finished_run, monkeypatch, capsys)
    assert len(said) == 2
    assert re.search(r"the passage has \d+ tokens and this model reads 128 with its reply and a message", talk[0])
    assert "the message with its passage has" in talk[2]
    assert talk[3].startswith("no passage:")


def test_what_is_typed_in_another_encoding_ends_it_with_a_sentence(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for verb in ("chat", "generate"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"na\xefve\n"), encoding="utf-8"))
        assert run([verb, str(finished_run)]) == 1
        assert "standard input cannot be read (byte 2 is not UTF-8); send UTF-8 text." in capsys.readouterr().err


def test_what_outgrows_the_context_is_forgotten_and_said_to_be(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    _, talk = conversation(["What is a shard?"] * 12, finished_run, monkeypatch, capsys)
    assert "(the conversation outgrew the context: its oldest messages were forgotten)" in talk


def test_a_line_that_ends_in_a_backslash_goes_on(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    said, _ = conversation(["What is \\", "a shard?"], finished_run, monkeypatch, capsys)
    assert len(said) == 1


def test_a_key_that_changes_nothing_is_refused(finished_run: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["chat", str(finished_run), "train.lr=1"]) == 1
    assert "train.lr=1 changes nothing in a trained model" in capsys.readouterr().err


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index of one text."""
    folder = tmp_path_factory.mktemp("chat")
    (folder / "shard.txt").write_text("A shard holds words. A token has a name.")
    assert run(["index", str(folder), "--name", str(folder / "index"), "embedder=none"]) == 0
    return str(folder / "index")


def test_messages_are_looked_up_where_there_is_an_index(
    finished_run: Path, index: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    lines = [
        "/sources",
        f"/index {index}",
        "What is a shard?",
        "/sources",
        "Qui vive?",
        "/sources",
        "/index",
        "What is a token?",
    ]
    said, talk = conversation(lines, finished_run, monkeypatch, capsys)
    assert talk == [
        "nothing was looked up yet: /index NAME, then a message",
        f"messages are looked up in {index}",
        "nothing is looked up",
    ]
    assert any(line.startswith("sent") for line in said) and any(line.startswith("shard.txt") for line in said)
    assert "I do not know." in said
    assert "  the model was not asked" in said


def test_an_index_that_is_not_there_is_named_and_the_conversation_goes_on(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    said, talk = conversation(["/index nowhere", "What is a shard?"], finished_run, monkeypatch, capsys)
    assert 'no index "nowhere"' in talk[0]
    assert len(said) == 1


def test_a_run_with_an_index_of_its_own_looks_messages_up_in_it(
    run_copy: Path, index: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree(index, run_copy / "index")
    said, _ = conversation(["Qui vive?", "/index", "Qui vive?"], run_copy, monkeypatch, capsys)
    assert said[0] == "I do not know."
    assert len(said) == 2
