"""Data on stdout, talk on stderr, and no escape codes where nobody watches."""

import json
import re
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


ESCAPES = "\x1b]0;owned\x07 \x1b[2J \x9b31m \r \x7f \u202egnp.exe \x00 \ud800"
SHOWN = "␛]0;owned␇ ␛[2J <U+009B>31m ␍ ␡ <U+202E>gnp.exe ␀ <U+D800>"


@pytest.mark.parametrize("terminal_kind", ["file", "dumb", "xterm-256color"])
def test_what_is_shown_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, terminal_kind: str
) -> None:
    if terminal_kind != "file":
        monkeypatch.setenv("TERM", terminal_kind)
        monkeypatch.delenv("NO_COLOR", raising=False)
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    terminal.talk_console.cache_clear()
    terminal.say(ESCAPES)
    terminal.sample("> ", ESCAPES)
    terminal.write(ESCAPES)
    terminal.write_line(ESCAPES)
    terminal.table(("text",), [(ESCAPES,)])
    terminal.styled([[(ESCAPES, "bold")]])
    terminal.marked([(ESCAPES, True)])
    terminal.talk_console.cache_clear()
    captured = capsys.readouterr()
    for written, n_times in ((captured.err, 2), (captured.out, 5)):
        plain = re.sub("\x1b\\[[0-9;]*m", "", written)  # colors are our own
        assert plain.count(SHOWN) == n_times
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", plain)


def test_lines_and_letters_of_any_language_are_shown_as_they_are(capsys: pytest.CaptureFixture) -> None:
    text = "a\tb\n日本語 עברית العربية 👩‍🚀 é\n"
    terminal.write(text)
    assert capsys.readouterr().out == text


def test_json_says_the_same_without_a_character_that_a_terminal_obeys(capsys: pytest.CaptureFixture) -> None:
    terminal.write_json({"text": ESCAPES})
    out = capsys.readouterr().out
    assert json.loads(out) == {"text": ESCAPES}
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", out)
