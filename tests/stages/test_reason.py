"""Why a finished stage is done again is said in one line."""

from pathlib import Path
from typing import Any

from handspun.stages.reason import reason, whereabouts


def made_of(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a key is a hash of."""
    return {"settings": {"train.lr": 0.003, "seed": 1}, "inputs": {"val": "x"}, "code": {"train": "y"}, **changes}


def test_a_changed_key_is_named_with_both_values() -> None:
    now = made_of(settings={"train.lr": 0.002, "seed": 1, "train.grad_clip": 1.0})
    assert reason({"made_of": made_of()}, now) == "train.lr 0.003 → 0.002, train.grad_clip off → 1.0"


def test_inputs_and_code_are_named() -> None:
    assert reason({"made_of": made_of()}, made_of(inputs={"val": "z"})) == "another val"
    assert reason({"made_of": made_of()}, made_of(code={"train": "z"})) == "other code of handspun (train)"


def test_many_changes_are_counted() -> None:
    changed = {f"train.key{number}": number for number in range(6)}
    said = reason({"made_of": made_of(settings={})}, made_of(settings=changed))
    assert said.endswith("train.key3 off → 3, and 2 more")


def test_a_record_that_does_not_say_what_it_was_made_of_is_no_riddle() -> None:
    assert reason({}, made_of()) == "settings, inputs or code have changed"


def test_the_old_results_are_found_by_what_is_said_of_them() -> None:
    assert whereabouts([]) == ""
    assert whereabouts([Path("runs/a/superseded/train-1")]) == "; its old result is in runs/a/superseded/train-1"
    both = whereabouts([Path("superseded/train-1"), Path("superseded/tune-2")])
    assert both == "; its old result, and what was made of it, is in superseded (train-1, tune-2)"
