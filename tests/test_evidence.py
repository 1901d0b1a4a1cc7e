"""The pages of evidence say what the runs measured, and runs that are no evidence are refused."""

import re
import runpy
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest

from handspun.errors import RunError, SettingsError
from handspun.files import write_json
from handspun.runs import Run
from handspun.settings import build, read_toml
from runs_to_compare import made_run

ROOT = Path(__file__).parent.parent
WRITER = runpy.run_path(str(ROOT / "dev" / "write_evidence.py"))
EXPERIMENT = """
title = "Fast against slow"
question = "Does it pay to hurry?"
arms = [["slow", "careful"], ["fast", "fast"]]
differences = [["fast", "slow"]]
limits = "Anything at all."
"""
LOSSES = {("careful", 1): 2.0, ("careful", 2): 2.2, ("careful", 3): 2.1, ("fast", 1): 1.9, ("fast", 2): 2.0, ("fast", 3): 2.1}


def trial(folder: Path, arm: str, seed: int, loss: float, **provenance: Any) -> Run:
    """A finished run that ended at half its loss in bits per byte."""
    run = made_run(folder / f"{arm}-s{seed}", seed=seed, loss=loss, lr=0.002 if arm == "fast" else 0.001)
    machine = {"n_cores": 2, "cpu": "Abacus"}
    facts = {
        "commit": "c0ffee" * 7,
        "machine": machine,
        "load": float(seed),
        "started": "2026-01-02T03:04:05",
        "data": {"train": "ab" * 32},
    }
    write_json(run.provenance_path, {**facts, **provenance})
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for (arm, seed), loss in LOSSES.items():
        trial(tmp_path, arm, seed, loss)
    (tmp_path / "hurry.toml").write_text(EXPERIMENT)
    return tmp_path


def write(folder: Path) -> str:
    WRITER["write_evidence"]("hurry", folder, experiments=folder, pages=folder / "pages")
    return (folder / "pages" / "hurry.md").read_text()


def rows(page: str) -> dict[str, list[str]]:
    """The lines of all tables by their first cell."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    return {first: others for first, *others in cells}


def test_each_arm_has_its_mean_its_spread_and_every_seed(folder: Path) -> None:
    found = rows(write(folder))
    spread = stdev([1.0, 1.1, 1.05])
    assert found["fast − slow"] == [f"−0.0500 ± {stdev([0.05, 0.1, 0.0]):.4f}", "−0.0500", "−0.1000", "+0.0000"]
    first_rows = [line for line in write(folder).splitlines() if line.startswith("| slow |")]
    assert first_rows[0] == f"| slow | 1.0500 ± {spread:.4f} | 1.0000 | 1.1000 | 1.0500 |"


def test_the_page_says_what_the_arms_differ_in_what_they_cost_and_where_they_come_from(folder: Path) -> None:
    page = write(folder)
    found = rows(page)
    assert found["`train.lr`"] == ["`0.001`", "`0.002`"]
    assert "`seed`" not in found and "`name`" not in found
    assert found["fast"][0] == "20,480"
    assert "6 runs at commit c0ffeec0ffee on 2 cores of Abacus, load 1.0 to 3.0; tokens abababababab; 2026-01-02." in page
    assert "**What this does not show.** Anything at all." in page
    assert re.findall(r">(slow|fast)<", (folder / "pages" / "hurry.svg").read_text()) == ["slow", "fast"]


def test_a_run_that_is_missing_is_named(folder: Path) -> None:
    (folder / "fast-s3" / "recipe.toml").unlink()
    with pytest.raises(RunError, match=r"fast-s3 is no run; make it"):
        write(folder)


def test_a_run_that_has_not_ended_is_no_evidence(folder: Path) -> None:
    Run(folder / "fast-s2").metrics.truncate_after(15)
    with pytest.raises(RunError, match=r"fast-s2 has done 15 of 20 steps"):
        write(folder)


def test_a_run_whose_process_has_not_ended_is_no_evidence(folder: Path) -> None:
    Run(folder / "fast-s2").provenance_path.unlink()
    with pytest.raises(RunError, match=r"fast-s2 has done 20 of 20 steps, or was not measured at the end; train it on"):
        write(folder)


def test_a_run_of_another_seed_is_no_evidence(folder: Path) -> None:
    (folder / "fast-s2").rename(folder / "set aside")
    (folder / "fast-s1").rename(folder / "fast-s2")
    (folder / "set aside").rename(folder / "fast-s1")
    with pytest.raises(RunError, match=r"fast-s1 was run with seed=2; run it again with seed=1"):
        write(folder)


def test_runs_on_other_tokens_are_no_evidence(folder: Path) -> None:
    trial(folder, "fast", 3, 2.1, data={"train": "cd" * 32})
    with pytest.raises(RunError, match="trained on different tokens"):
        write(folder)


def test_a_difference_of_arms_that_are_none_is_refused(folder: Path) -> None:
    (folder / "hurry.toml").write_text(EXPERIMENT.replace('"fast", "slow"', '"fast", "lazy"'))
    with pytest.raises(SettingsError, match=r'hurry\.toml: differences: "lazy" is none of the arms'):
        write(folder)


@pytest.mark.parametrize("path", sorted((ROOT / "dev" / "evidence").glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_is_well_formed(path: Path) -> None:
    experiment = build(WRITER["Experiment"], read_toml(path))
    assert experiment.differences and experiment.limits
