"""handspun export: a file for other programs, or a sentence that says why there is none."""

import json
from pathlib import Path

import gguf
import pytest

from handspun.cli.app import run
from portable import write_portable_run


@pytest.fixture
def portable_run(tmp_path: Path) -> Path:
    """The run folder of a model that llama.cpp computes, finished but never trained."""
    return write_portable_run(tmp_path / "portable")


def test_the_file_is_written_beside_the_checkpoints(portable_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(portable_run), "dtype=q8_0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["architecture"], told["dtype"]) == ("qwen3", "q8_0")
    path = Path(told["file"])
    assert path == portable_run / "exported" / "portable-q8_0.gguf"
    assert told["bytes"] == path.stat().st_size
    assert gguf.GGUFReader(path).fields["general.name"].contents() == "portable"


def test_people_are_told_where_it_is(portable_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(portable_run)]) == 0
    assert "portable-bf16.gguf holds the model as architecture qwen3, 0.1 MB." in capsys.readouterr().err


@pytest.mark.parametrize(("override", "complaint"), [("dtype=q2", 'should be "f32" | "bf16"'), ("format=onnx", "gguf")])
def test_what_there_is_not_is_refused(portable_run: Path, override: str, complaint: str, capsys: pytest.CaptureFixture) -> None:
    assert run(["export", str(portable_run), override]) == 1
    assert complaint in capsys.readouterr().err


def test_a_model_with_a_copy_head_stays_here(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(finished_run)]) == 1
    assert "copy_head=true is a part that llama.cpp does not have; handspun serves this model" in capsys.readouterr().err
    assert not (finished_run / "exported").exists()
