"""What generate.engine names is what computes, on the weights that the run has now."""

import json
import os
import sys
from pathlib import Path

import pytest

from handspun.checkpoint import load_checkpoint
from handspun.cli.app import run
from handspun.errors import CheckpointError
from handspun.files import MANIFEST
from handspun.generate.config import GenerateConfig
from handspun.generate.exported import exported_file
from handspun.generate.limits import Limits
from handspun.generate.session import open_engine
from handspun.generate.torch_engine import TorchEngine
from portable import write_portable_run

MINUTE_NS = 60 * 10**9


@pytest.fixture
def portable_run(tmp_path: Path) -> Path:
    return write_portable_run(tmp_path / "portable")


def export(folder: Path, dtype: str = "f32") -> Path:
    assert run(["export", str(folder), f"dtype={dtype}"]) == 0
    return folder / "exported" / f"portable-{dtype}.gguf"


def age(path: Path) -> None:
    """Have a file be a minute older than it is."""
    written_ns = path.stat().st_mtime_ns - MINUTE_NS
    os.utime(path, ns=(written_ns, written_ns))


def test_the_file_that_was_written_last_is_taken(portable_run: Path) -> None:
    checkpoint = load_checkpoint(portable_run / "checkpoints")
    age(checkpoint.folder / MANIFEST)
    first, second = export(portable_run), export(portable_run, "q8_0")
    assert exported_file(checkpoint) == second
    age(second)
    assert exported_file(checkpoint) == first


def test_where_nothing_was_exported_it_says_how_to(portable_run: Path) -> None:
    with pytest.raises(CheckpointError, match=r"exported holds no GGUF file.*; write one: handspun export \S+portable$"):
        open_engine(portable_run / "checkpoints", "llamacpp")


def test_a_file_older_than_the_weights_is_refused(portable_run: Path) -> None:
    age(export(portable_run))
    with pytest.raises(CheckpointError, match=r"f32\.gguf is older than the weights in .*: handspun export \S+portable$"):
        open_engine(portable_run / "checkpoints", "llamacpp")


def test_quantized_weights_are_those_of_torch(run_copy: Path) -> None:
    assert run(["quantize", str(run_copy), "scheme=int8", "--force"]) == 0
    with pytest.raises(CheckpointError, match=r'holds weights for generate\.engine="torch".* handspun export \S+ dtype=q8_0'):
        open_engine(run_copy / "quantized" / "int8", "llamacpp")


def test_without_llama_cpp_python_it_says_how_to_get_it(portable_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(portable_run)
    monkeypatch.setitem(sys.modules, "llama_cpp.llama_cpp", None)
    with pytest.raises(CheckpointError, match=r'pip install "handspun\[llamacpp\]"'):
        open_engine(portable_run / "checkpoints", "llamacpp")
    assert isinstance(open_engine(portable_run / "checkpoints", "torch"), TorchEngine)


def test_an_engine_that_there_is_not_is_refused(portable_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", str(portable_run), "Hi", "generate.engine=vllm"]) == 1
    assert 'should be "torch" | "llamacpp"' in capsys.readouterr().err


def test_the_verb_generates_with_either_engine_alike(portable_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("llama_cpp", reason='llama-cpp-python is compiled for minutes: pip install "handspun[llamacpp]"')
    export(portable_run)
    replies = []
    for engine in ("torch", "llamacpp"):
        words = ["A shard", "--text", "--json", "generate.max_new_tokens=8", f"generate.engine={engine}"]
        assert run(["generate", str(portable_run), *words]) == 0
        replies += json.loads(capsys.readouterr().out)["replies"]
    ours, theirs = ([token["log_prob"] for token in reply["tokens"]] for reply in replies)
    assert ours == pytest.approx(theirs, abs=0.02) and len(ours) == 8
    assert replies[0]["reply"] == replies[1]["reply"]


def test_the_limits_hold_for_either(portable_run: Path) -> None:
    pytest.importorskip("llama_cpp", reason='llama-cpp-python is compiled for minutes: pip install "handspun[llamacpp]"')
    export(portable_run)
    engine = open_engine(portable_run / "checkpoints", "llamacpp", Limits(max_rows=2, cache_tokens=50))
    assert (engine.max_seq_len, engine.load.cache_tokens) == (50, 50)
    assert len(engine.generate([[20, 30]] * 5, GenerateConfig(max_new_tokens=3))) == 5
