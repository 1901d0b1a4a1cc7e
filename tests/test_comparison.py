"""Runs side by side: aligned on three axes, with what they reached and what their recipes do not share."""

import re
from pathlib import Path

import pytest

from handspun.comparison import differences, panels, read_history, unit_of
from handspun.errors import DamagedFileError, HandspunError, RunError
from handspun.model.cost import flops_per_token
from handspun.runs import Run
from runs_to_compare import EVAL_EVERY, STEPS, made_run


def test_a_run_is_told_in_the_figures_of_its_metrics(tmp_path: Path) -> None:
    run = made_run(tmp_path / "muon", loss=2.0, tok_per_s=4096)
    history = read_history(run)
    recipe = history.recipe
    flops = STEPS * 1024 * flops_per_token(recipe.model, recipe.tokens.vocab_size, 64)
    assert history.facts() == {
        "run": str(run.path),
        "steps": STEPS,
        "val_bpb": 1.0,
        "tokens": STEPS * 1024,
        "flops": flops,
        "hours": pytest.approx(STEPS / 4 / 3600),
        "tok_per_s": 4096,
        "mfu": 0.25,
        "peak_gib": 1.2,
    }


def test_flops_are_counted_with_the_vocabulary_that_was_learnt(tmp_path: Path) -> None:
    run = made_run(tmp_path / "small")
    before = read_history(run).newest("flops")
    run.begin("tokenize", "a" * 64, [])
    run.finish("tokenize", 1.0, {"vocab_size": 300})
    assert read_history(run).newest("flops") < before


def test_an_evaluation_stands_on_the_axes_of_its_step(tmp_path: Path) -> None:
    columns = read_history(made_run(tmp_path / "muon")).columns("val_bpb")
    assert columns["step"] == list(range(EVAL_EVERY, STEPS + 1, EVAL_EVERY))
    assert columns["tokens"] == [1024 * step for step in columns["step"]]
    assert columns["seconds"] == [step / 4 for step in columns["step"]]


def test_what_was_not_measured_is_left_out_and_the_rest_is_drawn(tmp_path: Path) -> None:
    run = made_run(tmp_path / "old")
    run.metrics.path.write_text(
        '{"step": 1, "train_loss": 3.0}\n{"step": 2, "train_loss": null}\n{"step": 3, "train_loss": 2.0}\n'
    )
    history = read_history(run)
    assert history.facts()["mfu"] is None and history.facts()["val_bpb"] is None
    assert [x for x, _ in history.points("tokens", "train_loss")] == [1024, 3072]
    assert [row[0].title.split()[0] for row in panels([("old", history)])] == ["train_loss"]


def test_where_no_time_was_written_down_the_steps_are_summed_up(tmp_path: Path) -> None:
    run = made_run(tmp_path / "old", tok_per_s=2048)
    run.metrics.path.write_text(re.sub(r', "tokens": \d+, "seconds": [\d.]+', "", run.metrics.path.read_text()))
    history = read_history(run)
    assert history.values("seconds") == [step / 2 for step in range(1, STEPS + 1)]
    assert history.values("tokens") == [1024 * step for step in range(1, STEPS + 1)]


def test_a_row_of_panels_per_quantity_and_a_column_per_axis(tmp_path: Path) -> None:
    histories = [read_history(made_run(tmp_path / name)) for name in ("a", "b")]
    grid = panels([(history.path, history) for history in histories])
    assert [[panel.title.split()[0] for panel in row] for row in grid] == [["train_loss"] * 3, ["val_bpb"] * 3]
    assert [panel.x_label for panel in grid[0]] == ["thousands of tokens", "seconds", "FLOPs, 1e10"]
    assert grid[1][0].labels == [history.path for history in histories]


def test_the_drawn_training_loss_is_smoothed_and_the_listed_one_is_not(tmp_path: Path) -> None:
    run = made_run(tmp_path / "noisy")
    lines = [f'{{"step": {n}, "tokens": {n}, "train_loss": {2 + n % 2}}}\n' for n in range(1, 1001)]
    run.metrics.path.write_text("".join(lines))
    history = read_history(run)
    assert set(history.columns("train_loss")["train_loss"]) == {2, 3}
    assert all(2.3 < y < 2.7 for _, y in history.points("tokens", "train_loss")[100:])


def test_only_the_keys_that_differ_are_told(tmp_path: Path) -> None:
    first = made_run(tmp_path / "adamw", optimizer="adamw", superposition={"bag": 4})
    histories = [read_history(run) for run in (first, made_run(tmp_path / "muon"), made_run(tmp_path / "faster", lr=0.01))]
    assert differences(histories) == {
        "name": ["adamw", "muon", "faster"],
        "train.optimizer": ["adamw", "muon", "muon"],
        "train.lr": [0.004, 0.004, 0.01],
        "train.superposition.bag": [4, None, None],
        "train.superposition.kind": ["both", None, None],
        "train.superposition.share": [0.3, None, None],
    }
    assert differences([histories[0], histories[0]]) == {}


def test_a_run_without_metrics_is_told_to_train(tmp_path: Path) -> None:
    run = made_run(tmp_path / "new")
    run.metrics.path.unlink()
    with pytest.raises(RunError, match=r"new has no metrics yet; train it first: handspun train .*new\.$"):
        read_history(run)


@pytest.mark.parametrize("line", ["no JSON\n", '{"train_loss": 2.0}\n', "[1]\n"])
def test_damaged_metrics_are_named(tmp_path: Path, line: str) -> None:
    run = made_run(tmp_path / "damaged")
    run.metrics.path.write_text(f'{{"step": 1}}\n{line}')
    with pytest.raises(DamagedFileError, match=r"metrics\.jsonl:2 is damaged"):
        read_history(run)


def test_a_recipe_that_is_none_is_named(tmp_path: Path) -> None:
    run = made_run(tmp_path / "damaged")
    Run(run.path).recipe_path.write_text('name = "damaged"\n[train]\nlearning_rate = 1\n')
    with pytest.raises(HandspunError, match=r"recipe\.toml: train\.learning_rate=1 is no key"):
        read_history(run)


@pytest.mark.parametrize(
    ("axis", "largest", "expected"),
    [
        ("tokens", 900.0, (1, "tokens")),
        ("tokens", 2.1e9, (1e9, "billions of tokens")),
        ("tokens", 1.9e9, (1e6, "millions of tokens")),
        ("seconds", 90.0, (1, "seconds")),
        ("seconds", 7200.0, (3600, "hours")),
        ("flops", 3.4e18, (1e18, "FLOPs, 1e18")),
        ("flops", 0.0, (1, "FLOPs, 1e0")),
    ],
)
def test_an_axis_counts_in_units_that_make_short_numbers(axis: str, largest: float, expected: tuple[float, str]) -> None:
    assert unit_of(axis, largest) == expected
