"""What an ending means, and that asking for help costs nothing."""

import errno
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from cyclopts import App

from handspun import cli
from handspun.cli import app, program
from handspun.cli.app import run
from handspun.cli.overview import overview, purposes
from handspun.cli.program import build_app, verbs
from handspun.settings import apply_overrides

HEAVY = ("torch", "numpy", "tokenizers", "transformers", "pyarrow")
SAY_WHAT_IS_LOADED = "import sys; from handspun.cli.app import run; run({arguments}); sys.stderr.write(' '.join(sys.modules))"


def verb_that(action: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program have one verb, `act`, that does this."""
    original = build_app

    def with_act(named: str | None) -> App:
        with_verbs = original(None if named == "act" else named)
        with_verbs.command(action, name="act")
        return with_verbs

    monkeypatch.setattr(program, "build_app", with_act)


def handspun(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does."""
    return subprocess.run([sys.executable, "-m", "handspun", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["nonsense"], ["runs"], *([verb, "--help"] for verb in verbs())])
def test_nothing_heavy_is_imported_to_help_or_to_refuse(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", SAY_WHAT_IS_LOADED.format(arguments=arguments)]
    loaded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stderr.split()
    assert "handspun.cli.app" in loaded
    assert not set(HEAVY) & set(loaded)


def test_help_takes_less_than_three_tenths_of_a_second_of_processor_time() -> None:
    seconds = []
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert handspun("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3


def test_help_lists_every_verb_with_what_it_is_for() -> None:
    page = handspun("--help").stdout
    assert page == handspun().stdout == f"{overview(80)}\n"
    for verb in verbs():
        line = next(line for line in page.splitlines() if line.startswith(f"  {verb} "))
        assert len(line.split()) > 3


def test_every_file_with_a_function_or_an_app_of_its_own_name_is_a_verb() -> None:
    modules = {module.name: import_module(f"handspun.cli.{module.name}") for module in pkgutil.iter_modules(cli.__path__)}
    own = {name for name, module in modules.items() if callable(getattr(module, name, None))} - {"overview"}
    assert own == set(purposes()) == set(verbs())


@pytest.mark.parametrize("width", [20, 40, 80])
def test_help_is_no_wider_than_the_terminal_where_that_can_be(width: int) -> None:
    assert max(map(len, overview(width).splitlines()[5:])) <= max(width, 34)


def test_an_error_of_the_user_is_one_sentence_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def act(*overrides: str) -> None:
        apply_overrides({}, overrides)

    verb_that(act, monkeypatch)
    assert run(["act", "train.lr=1e-3"]) == 0
    assert run(["act", "train.lr=1e-3", "train.lr"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == 'error: "train.lr" is not an override; write it as table.key=value, for example train.lr=1e-3.\n'


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["doctr"], 'Did you mean "doctor"?'),
        (["runs", "--jsn"], "--jsn"),
        (["runs", "a", "b"], "b"),
        (["runs", "compaer", "a", "b"], 'Did you mean "compare"?'),
        (["chat"], "error: `handspun chat` needs RUN. ("),
        (["runs", "compare", "one"], "error: `handspun runs compare` needs SECOND. ("),
        (["index", "docs"], "error: `handspun index` needs --name. ("),
        (["serve", "--port"], "--port requires an argument"),
        (["--verison"], 'Did you mean "--version"?'),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: list[str], named: str) -> None:
    done = handspun(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert named in done.stderr


def test_a_verb_ends_with_the_code_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    verb_that(lambda: 3, monkeypatch)
    assert run(["act"]) == 3


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    verb_that(lambda: [][1], monkeypatch)
    with pytest.raises(IndexError):
        run(["act"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.EACCES, "error: /somewhere/recipe.toml may not be opened; "),
        (errno.EROFS, "error: /somewhere/recipe.toml cannot be written, because its disk is read-only; "),
        (errno.ENOSPC, "error: no room for /somewhere/recipe.toml; "),
    ],
)
def test_what_the_system_refuses_is_one_sentence(
    code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def act() -> None:
        raise OSError(code, "refused", "/somewhere/recipe.toml")

    verb_that(act, monkeypatch)
    assert run(["act"]) == 1
    assert capsys.readouterr().err.startswith(said)


def test_a_file_that_we_lost_ourselves_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    verb_that(lambda: Path("/nowhere/at/all").read_text(), monkeypatch)
    with pytest.raises(FileNotFoundError):
        run(["act"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["--version"], ["index", "--help"]])
def test_a_full_disk_behind_the_output_is_one_sentence(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "handspun", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = "error: no room for what is written; free some space, or name another place.\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_ctrl_c_is_one_sentence_and_exit_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    verb_that(lambda: os.kill(os.getpid(), signal.SIGINT), monkeypatch)
    assert run(["act"]) == 130
    assert capsys.readouterr().err == "interrupted.\n"
    monkeypatch.setattr(app, "SAVING", ("act",))
    assert run(["act"]) == 130
    assert "run the same command again to go on" in capsys.readouterr().err


@pytest.mark.parametrize("delay_s", [0.02, 0.1, 0.25, 0.5])
def test_ctrl_c_is_quiet_whenever_it_comes(delay_s: float, finished_run: Path) -> None:
    begin = "import sys; from handspun.__main__ import main; print(flush=True); main()"
    command = [sys.executable, "-c", begin, "generate", str(finished_run), "What is a shard?"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1] in ("", "interrupted.\n")
    assert process.returncode == 130


def test_a_reader_that_goes_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as nobody_reads:
        command = [sys.executable, "-m", "handspun", "doctor", "--json"]
        done = subprocess.run(command, stdout=nobody_reads, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")
