"""handspun runs lists what there is, and passes over what it cannot read."""

import json
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.runs import Run
from runs_to_compare import made_run


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


def test_runs_are_compared_for_people(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    first, second = made_run(tmp_path / "first", lr=0.001), made_run(tmp_path / "second", loss=1.5, lr=0.002)
    assert run(["runs", "compare", str(first.path), str(second.path)]) == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines() if "│" in line) <= 100
    assert out.count("train_loss (") == out.count("val_bpb (") == 3
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert (rows["A"][:2], rows["B"][:2]) == (["1", "20,480"], ["0.75", "20,480"])
    assert rows["train.lr"] == ["0.001", "0.002"]
    assert "train.seq_len" not in rows


def test_runs_are_compared_for_scripts_and_drawn_to_files(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    paths = [str(made_run(tmp_path / name, loss=loss).path) for name, loss in (("a", 2.0), ("b", 1.5), ("c", 1.0))]
    svg, png = tmp_path / "plots" / "runs.svg", tmp_path / "plots" / "runs.png"
    assert run(["runs", "compare", *paths, "--json", "--svg", str(svg), "--png", str(png)]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert [row["val_bpb"] for row in compared["runs"]] == [1.0, 0.75, 0.5]
    assert [row["run"] for row in compared["runs"]] == paths
    assert compared["runs"][2]["curves"]["val_bpb"]["val_bpb"][-1] == 0.5
    assert compared["recipe_diff"] == {"name": ["a", "b", "c"]}
    assert svg.read_text().startswith("<svg ") and png.read_bytes().startswith(b"\x89PNG")


def test_a_run_that_cannot_be_compared_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    first, second = made_run(tmp_path / "first"), made_run(tmp_path / "second")
    second.metrics.path.write_text("torn\n")
    assert run(["runs", "compare", str(first.path), str(second.path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and "metrics.jsonl:1 is damaged" in captured.err


def test_one_run_is_nothing_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["runs", "compare", str(made_run(tmp_path / "first").path)]) == 2
    assert "SECOND" in capsys.readouterr().err.upper()


def test_one_run_is_listed_alone_and_what_is_no_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    finished_run(tmp_path / "one")
    finished_run(tmp_path / "other")
    assert run(["runs", str(tmp_path / "one"), "--json"]) == 0
    assert [row["path"] for row in json.loads(capsys.readouterr().out)["runs"]] == [str(tmp_path / "one")]
    assert run(["runs", str(tmp_path / "nosuch")]) == 1
    assert "nosuch" in capsys.readouterr().err
