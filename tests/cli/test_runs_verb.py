"""handspun runs lists what there is, and passes over what it cannot read."""

import json
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.runs import Run


def finished_run(path: Path) -> Run:
    """A run that has trained for 20 steps."""
    folder = Run(path)
    folder.claim("tiny", 'name = "tiny"\n')
    folder.begin("train", "a" * 64, [])
    folder.metrics.append({"step": 20, "val_bpb": 1.75})
    folder.finish("train", 3.0, {})
    return folder


def test_runs_are_listed_for_people_and_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    finished_run(tmp_path / "first")
    assert run(["runs", str(tmp_path)]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["run", "recipe", "stage", "done", "steps", "val_bpb", "size", "changed"]
    assert line.split()[1:5] == ["tiny", "train", "20", "1.75"]
    assert run(["runs", str(tmp_path), "--json"]) == 0
    (summary,) = json.loads(capsys.readouterr().out)["runs"]
    assert (summary["name"], summary["stage"], summary["steps"], summary["val_bpb"]) == ("tiny", "train", 20, 1.75)


def test_a_damaged_run_is_named_and_the_others_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    finished_run(tmp_path / "whole")
    finished_run(tmp_path / "damaged").stages_path.write_text("{")
    assert run(["runs", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("/whole ") == 1 and "/damaged " not in captured.out
    assert captured.err.startswith("error: ") and "damaged/stages.json" in captured.err


def test_no_runs_is_said_on_stderr_and_is_an_empty_list_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["runs", str(tmp_path)]) == 0
    assert "handspun make quickstart" in capsys.readouterr().err
    assert run(["runs", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}
