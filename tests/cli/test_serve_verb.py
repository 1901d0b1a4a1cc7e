"""handspun serve: one line with its URL, ports that are taken, keys, an end in peace, and no training ever again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from handspun.cli import serve as serve_module
from handspun.cli.app import run
from handspun.runs import Run

ASKED = {
    "model": "tiny",
    "prompt": "What is a shard?",
    "raw": True,
    "stream": False,
    "options": {"temperature": 0, "num_predict": 8},
}


class Serving:
    """`handspun serve` as a process, in a folder that has a runs/."""

    def __init__(self, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "handspun", "serve", *arguments],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise AssertionError(f"no URL: {self.process.communicate()[1]}")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """The exit code, the rest of stdout, and stderr, after a signal."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        """The same of one that ends by itself."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def home(tmp_path: Path, finished_run: Path) -> Path:
    """A folder with runs/tiny."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "tiny").symlink_to(finished_run)
    return tmp_path


@pytest.fixture
def serving(home: Path) -> Iterator[Callable[..., Serving]]:
    """Starts servers; those that a test leaves running are ended."""
    started: list[Serving] = []

    def begin(*arguments: str, **options: dict[str, str]) -> Serving:
        started.append(Serving(home, *arguments, **options))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody has who answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def files_of(folder: Path) -> dict[str, int]:
    """When each file below a folder was written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_it_prints_its_url_serves_and_after_a_restart_says_the_same_without_training(
    serving: Callable[..., Serving], finished_run: Path
) -> None:
    before, said = files_of(finished_run), []
    for stop in (signal.SIGTERM, signal.SIGINT):
        server = serving("tiny", "--port", "0", "serve.drain_s=1")
        assert httpx.get(f"{server.url}/healthz").json()["status"] == "ok"
        said.append(httpx.post(f"{server.url}/api/generate", json=ASKED, timeout=60).json()["response"])
        code, out, err = server.stop(stop)
        assert (code, out) == (0, "")
        assert "serving tiny at http://127.0.0.1:" in err
    assert said[0] == said[1]
    assert files_of(finished_run) == before
    log = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [(line["path"], line["status"]) for line in log] == [("/healthz", 200), ("/api/generate", 200)]
    assert "shard" not in err


@pytest.mark.parametrize(("chosen", "served"), [([], ["docs", "others"]), (["--index", "indexes/others"], ["others"])])
def test_indexes_are_served_all_or_those_that_are_named(
    chosen: list[str], served: list[str], serving: Callable[..., Serving], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    (home / "shard.txt").write_text("A shard holds words.")
    for name in ("docs", "others"):
        assert run(["index", "shard.txt", "--name", name, "embedder=none"]) == 0
    server = serving("tiny", "--port", "0", *chosen)
    assert [index["name"] for index in httpx.get(f"{server.url}/api/indexes").json()["indexes"]] == served
    asked = {"model": "tiny+others", "prompt": "What is a shard?", "stream": False}
    assert httpx.post(f"{server.url}/api/generate", json=asked, timeout=60).json()["sent"][0]["source"] == "shard.txt"
    _, _, err = server.stop()
    assert f"serving tiny with {', '.join(f'+{name}' for name in served)} at http://127.0.0.1:" in err


def test_a_reply_under_way_is_ended_with_a_reason_when_its_time_is_up(
    home: Path, serving: Callable[..., Serving], endless_run: Path
) -> None:
    (home / "runs" / "endless").symlink_to(endless_run)
    server = serving("--port", "0", "serve.drain_s=0.5")
    asked = {"model": "endless", "prompt": "x", "options": {"num_predict": 8000}}
    with httpx.stream("POST", f"{server.url}/api/generate", json=asked, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        *_, last = lines
        assert 0.3 < time.monotonic() - began < 10
    assert json.loads(last) == {"error": "the server is being stopped; ask again when it is back."}
    assert server.end()[0] == 0


def test_a_reply_that_ends_in_time_is_whole_though_the_server_stops(
    home: Path, serving: Callable[..., Serving], endless_run: Path
) -> None:
    (home / "runs" / "endless").symlink_to(endless_run)
    server = serving("--port", "0", "serve.drain_s=60")
    asked = {"model": "endless", "prompt": "x", "options": {"num_predict": 300}}
    with httpx.stream("POST", f"{server.url}/api/generate", json=asked, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        *_, last = lines
    assert (json.loads(last)["done"], json.loads(last)["eval_count"]) == (True, 300)
    assert server.end()[0] == 0


def test_a_port_where_handspun_serves_already_is_a_success(
    serving: Callable[..., Serving], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    server = serving("--port", "0", environment={"HANDSPUN_API_KEY": "a key that is long enough"})
    monkeypatch.chdir(home)
    capsys.readouterr()
    for arguments in (["serve", "--port", str(server.port)], ["serve", "tiny", f"serve.port={server.port}"]):
        assert run(arguments) == 0
        captured = capsys.readouterr()
        assert captured.out == f"{server.url}\n"
        assert f"serves at {server.url} already: nothing to do" in captured.err


def test_a_port_where_handspun_serves_with_other_settings_is_said_to_be(
    serving: Callable[..., Serving], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    server = serving("tiny", "--port", "0", "serve.max_rows=2")
    monkeypatch.chdir(home)
    monkeypatch.delenv("HANDSPUN_API_KEY", raising=False)
    asked = ["serve", "tiny", "--port", str(server.port)]
    assert run([*asked, "serve.max_rows=2"]) == 0
    capsys.readouterr()
    for override in ("serve.max_rows=3", "serve.num_ctx=64"):
        assert run([*asked, override]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert f"at {server.url} already, and not with {override}; stop it first" in captured.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_start_ends_it_in_peace(number: int, home: Path) -> None:
    begin = "import sys; from handspun.cli import serve, app, terminal; print(flush=True); app.run(sys.argv[1:])"
    for delay_s in (0.3, 1.0):
        command = [sys.executable, "-c", begin, "serve", "tiny", "--port", "0"]
        process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_s)
        process.send_signal(number)
        err = process.communicate(timeout=30)[1]
        assert (process.returncode, "Traceback" in err, "interrupted" in err) == (0, False, False)


def test_a_second_ctrl_c_does_not_wait_and_is_quiet(serving: Callable[..., Serving], home: Path, endless_run: Path) -> None:
    (home / "runs" / "endless").symlink_to(endless_run)
    server = serving("--port", "0", "serve.drain_s=60")
    asked = {"model": "endless", "prompt": "x", "options": {"num_predict": 8000}}
    with httpx.stream("POST", f"{server.url}/api/generate", json=asked, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        code, _, err = server.stop(signal.SIGINT)
    assert code == 0
    assert "stopping: 1 reply has up to 60 s" in err and "Traceback" not in err


def test_a_port_where_handspun_serves_something_else_is_taken(
    serving: Callable[..., Serving], home: Path, run_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    other = run_copy.rename(home / "runs" / "other")
    server = serving("tiny", "--port", "0")
    monkeypatch.chdir(home)
    assert run(["serve", other.name, "--port", str(server.port)]) == 1
    assert "which serves tiny:latest and not all of other:latest; the next free port is" in capsys.readouterr().err


def test_a_taken_port_that_was_asked_for_is_refused_with_its_owner_and_the_next_free_one(
    home: Path, taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr("handspun.serve.doorway.PROBE_S", 0.2)
    assert run(["serve", "--port", str(taken)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    who = f"process {os.getpid()} (" if sys.platform == "linux" else "a process"
    assert f"port {taken} of 127.0.0.1 is taken by {who}" in captured.err
    assert "; the next free port is " in captured.err


def test_a_taken_port_that_was_not_asked_for_is_passed_over_and_said_to_be(
    home: Path, taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("handspun.serve.doorway.PROBE_S", 0.2)
    listener = serve_module.open_door("127.0.0.1", taken, asked=None, names=["tiny:latest"], key=None)
    assert listener is not None
    with listener:
        assert f"taking port {listener.getsockname()[1]} instead" in capsys.readouterr().err


def test_a_created_model_is_there_after_a_restart(serving: Callable[..., Serving], home: Path) -> None:
    server = serving("--port", "0")
    created = httpx.post(
        f"{server.url}/api/create", json={"model": "mario", "from": "tiny", "system": "You are Mario.", "stream": False}
    )
    assert created.status_code == 200
    server.stop()
    assert (home / "served").is_dir()
    names = [model["name"] for model in httpx.get(f"{serving('--port', '0').url}/api/tags").json()["models"]]
    assert sorted(names) == ["mario:latest", "tiny:latest"]


def test_another_machine_needs_the_key_in_the_file(
    serving: Callable[..., Serving], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    key = home / "key"
    key.write_text("a key that is long enough\n")
    server = serving("--host", "0.0.0.0", "--port", "0", "--api-key-file", str(key))
    assert httpx.get(f"{server.url}/api/tags").status_code == 401
    headers = {"Authorization": "Bearer a key that is long enough"}
    assert httpx.get(f"{server.url}/api/tags", headers=headers).status_code == 200
    monkeypatch.chdir(home)
    monkeypatch.delenv("HANDSPUN_API_KEY", raising=False)
    key.write_text("\n")
    for arguments, says in (
        ([], "--host 0.0.0.0 lets other machines in, and there is no API key"),
        (["--api-key-file", str(key)], "key is empty; put the key that clients must send into it"),
        (["--api-key-file", "absent"], "--api-key-file absent cannot be read (no such file or directory)"),
    ):
        assert run(["serve", "--host", "0.0.0.0", *arguments]) == 1
        assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], 'no run "nothing"'),
        (["tiny", "serve.max_row=3"], "did you mean serve.max_rows?"),
        (["tiny", "train.lr=1"], "train.lr=1 changes nothing in a trained model; override keys of [serve], or generate.engine"),
        (["tiny", "generate.engine=vllm"], 'generate.engine="vllm"'),
        (["tiny", "generate.seed=1"], "generate.seed=1 changes nothing in a trained model"),
        (["serve.num_ctx=0"], "serve.num_ctx=0: must lie between 2 and"),
        (["--host", "0.0.0.0"], "--host 0.0.0.0 lets other machines in"),
        (["--host", "203.0.113.7"], "--host 203.0.113.7 is no address of this machine"),
        (["--host", "nowhere.invalid"], "--host nowhere.invalid is no address of this machine"),
        (["--port", "99999"], "--port 99999: must lie between 0 and 65535"),
        (["--port", "-1"], "--port -1: must lie between 0 and 65535"),
        (["tiny:int8"], "`handspun quantize tiny scheme=int8` makes them"),
        (["tiny:foo"], '"foo" is no scheme of runs/tiny; there are tiny.'),
        (["tiny", "--index", "docs"], 'no index "docs"; there are none yet'),
    ],
)
def test_what_cannot_be_is_one_sentence(
    home: Path, arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.delenv("HANDSPUN_API_KEY", raising=False)
    assert run(["serve", *arguments]) == 1
    assert says in capsys.readouterr().err


def test_without_any_run_the_first_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["serve"]) == 1
    assert "no run in runs/ has finished its training; `handspun make quickstart` makes one" in capsys.readouterr().err


def test_without_the_extra_its_name_is_said(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr(serve_module, "PACKAGES", ("fastapi", "no_such_package"))
    assert run(["serve"]) == 1
    assert 'serving needs no_such_package, which is not installed: pip install "handspun[serve]"' in capsys.readouterr().err


def test_settings_come_from_the_run_where_it_is_one(run_copy: Path) -> None:
    recipe = run_copy / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("max_rows = 16", "max_rows = 3"))
    assert serve_module.serve_config([Run(run_copy)], ["serve.queue=7"]).max_rows == 3
    assert serve_module.serve_config([Run(run_copy)], ["serve.queue=7"]).queue == 7
    assert serve_module.serve_config([], ["serve.queue=7"]).max_rows != 3
