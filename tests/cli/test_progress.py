"""A stage that takes its time shows how far it is; a short one is silent."""

import os
import pty
import subprocess
import sys
import time

import pytest

from handspun.cli.progress import Progress

A_STAGE = """
import sys, time
from handspun.cli import terminal
from handspun.cli.progress import Progress
with Progress("tokenize", "documents", quiet_s=0.1, every_s=0.1) as progress:
    for done in range(1, 9):
        progress(done, 8, loss=2.0 / done)
        time.sleep(0.05)
    terminal.sample("Once upon", " a time")
"""


def on_a_terminal(**environment: str) -> str:
    """What A_STAGE draws on a pseudo-terminal."""
    controller, terminal_end = pty.openpty()
    variables = {**os.environ, "TERM": "xterm-256color", **environment}
    with subprocess.Popen([sys.executable, "-c", A_STAGE], stderr=terminal_end, env=variables) as process:
        os.close(terminal_end)
        drawn = b""
        while True:
            try:
                block = os.read(controller, 4096)
            except OSError:  # Linux says so when the other end has closed
                break
            if not block:
                break
            drawn += block
    os.close(controller)
    assert process.returncode == 0
    return drawn.decode()


def test_a_short_stage_is_silent(capsys: pytest.CaptureFixture) -> None:
    with Progress("curate") as progress:
        progress(1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_long_stage_says_what_is_done_how_fast_and_how_long_it_will_take(capsys: pytest.CaptureFixture) -> None:
    with Progress("tokenize", "documents", quiet_s=0.05, every_s=0.1) as progress:
        progress(1_000, 4_000)
        time.sleep(0.01)
        progress(2_000, 4_000, loss=2.3456)
        time.sleep(0.2)
    captured = capsys.readouterr()
    assert captured.out == ""
    first, *_, last = captured.err.splitlines()
    assert first.startswith("tokenize: 2,000/4,000 documents (50%), ")
    assert "/s, " in first and first.endswith(" s left, loss 2.346")
    assert last.startswith("tokenize: 2,000/4,000 documents (50%), done in ")


def test_a_stage_that_reports_nothing_still_shows_that_it_is_alive(capsys: pytest.CaptureFixture) -> None:
    with Progress("learn the vocabulary", quiet_s=0.05, every_s=0.05):
        time.sleep(0.15)
    assert capsys.readouterr().err.startswith("learn the vocabulary: 0 s so far\n")


def test_what_a_resumed_run_had_done_before_does_not_count_as_speed() -> None:
    progress = Progress("train")
    progress(900, 1_000)
    progress.began_counting -= 10
    progress(905, 1_000)
    assert progress.rate(progress.began_counting + 10) == 0.5


def test_an_error_ends_the_drawing_and_is_not_called_done(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt), Progress("train", quiet_s=0.02, every_s=0.02) as progress:
        time.sleep(0.1)
        raise KeyboardInterrupt
    assert not progress.thread.is_alive()
    assert "done" not in capsys.readouterr().err


def test_a_terminal_gets_a_moving_line_and_keeps_the_last_one() -> None:
    drawn = on_a_terminal()
    assert "\x1b[?25l" in drawn and drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")
    assert "Once upon" in drawn and "tokenize: 8/8 documents (100%), done in " in drawn


def test_no_color_leaves_a_terminal_without_color() -> None:
    color = "\x1b[36m"
    assert color in on_a_terminal()
    assert color not in on_a_terminal(NO_COLOR="1")


def test_a_dumb_terminal_gets_plain_lines() -> None:
    assert "\x1b" not in on_a_terminal(TERM="dumb")
