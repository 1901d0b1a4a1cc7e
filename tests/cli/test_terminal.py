"""Data on stdout, talk on stderr, and no escape codes where nobody watches."""

import json
import sys

import pytest

from handspun.cli import terminal


def test_talk_and_data_go_their_own_ways(capsys: pytest.CaptureFixture) -> None:
    terminal.say("reading")
    terminal.error("it is gone.")
    terminal.sample("What is", " a shard?")
    terminal.write("a ")
    terminal.write_line("reply")
    captured = capsys.readouterr()
    assert captured.out == "a reply\n"
    assert captured.err == "reading\nerror: it is gone.\n  What is a shard?\n"


def test_json_is_one_object_that_reads_back(capsys: pytest.CaptureFixture) -> None:
    terminal.write_json({"name": "café", "val_bpb": 1.65})
    assert json.loads(capsys.readouterr().out) == {"name": "café", "val_bpb": 1.65}


def test_a_table_aligns_its_columns_and_takes_brackets_as_they_are(capsys: pytest.CaptureFixture) -> None:
    terminal.table(("name", "steps", "note"), [("[bold]tiny", 1_200, None), ("large", 7, "x" * 200)])
    assert capsys.readouterr().out.splitlines() == [
        "name        steps  note",
        "[bold]tiny  1,200  -",
        f"large           7  {'x' * 200}",
    ]


@pytest.mark.parametrize(("columns", "is_stacked"), [("60", False), ("20", True)])
def test_a_screen_too_narrow_for_its_words_gets_them_below_each_other(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, columns: str, is_stacked: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")
    terminal.table(("run", "stage"), [("runs/quickstart", "evaluate")])
    out = capsys.readouterr().out
    assert "runs/quickstart" in out and "evaluate" in out
    assert (out == "run    runs/quickstart\nstage  evaluate\n\n") is is_stacked


def test_marked_text_is_in_brackets_where_there_is_no_color(capsys: pytest.CaptureFixture) -> None:
    terminal.marked([("What is [it]?", False), (" A shard.", True)])
    assert capsys.readouterr().out == "What is [it]?⟦ A shard.⟧\n"


def test_marked_text_is_colored_where_a_person_watches(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal.marked([("What is [it]?", False), (" A shard.", True)])
    assert capsys.readouterr().out == "\x1b[2mWhat is [it]?\x1b[0m\x1b[1;32m A shard.\x1b[0m\n"


def test_no_color_is_honored_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.talk_console.cache_clear()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal.is_watched()
    assert terminal.talk_console().no_color
    terminal.talk_console.cache_clear()


def test_a_dumb_terminal_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.is_watched()


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (True, "yes"), (12_345, "12,345"), (1.75, "1.75"), (1234.5, "1,234"), ("a", "a")]
)
def test_a_cell_reads_as_a_person_writes_it(value: object, text: str) -> None:
    assert terminal.cell_text(value) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(0, "0 bytes"), (1023, "1,023 bytes"), (1536, "1.5 KiB"), (5 << 40, "5,120.0 GiB")]
)
def test_a_size_has_a_unit(n_bytes: int, text: str) -> None:
    assert terminal.bytes_text(n_bytes) == text


@pytest.mark.parametrize(("seconds", "text"), [(7.6, "8 s"), (59.7, "1 min 00 s"), (245, "4 min 05 s"), (7620, "2 h 07 min")])
def test_a_time_is_said_as_a_person_says_it(seconds: float, text: str) -> None:
    assert terminal.duration_text(seconds) == text
