"""A stage that holds a model is not begun where memory or text is too little; what is done already is not checked again."""

from pathlib import Path

import pytest
from test_stages_pipeline import Listener

from handspun import machine
from handspun.cli.app import run
from handspun.errors import CorpusError, DeviceError
from handspun.machine import Memory
from handspun.planner.devices import GIB
from handspun.recipe import load_recipe
from handspun.runs import Run
from handspun.stages.memory import check_evaluation, check_pretraining, check_tuning, room_on_device
from handspun.stages.stage import Workshop
from handspun.train.choice import Room
from handspun.train.config import TrainConfig
from tiny_run import tiny_model


@pytest.fixture
def full_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose memory is taken."""
    monkeypatch.setattr(machine, "memory", lambda: Memory(16 * GIB, 1 << 14))


@pytest.mark.usefixtures("full_machine")
@pytest.mark.parametrize(
    ("check", "named"),
    [(check_pretraining, 'training "tiny"'), (check_tuning, 'tuning "tiny"'), (check_evaluation, 'evaluating "tiny"')],
)
def test_each_stage_with_a_model_says_what_it_lacks(check, named: str, tiny_recipe: Path, tmp_path: Path) -> None:
    workshop = Workshop(load_recipe(str(tiny_recipe)), Run(tmp_path / "run"), Listener())
    with pytest.raises(DeviceError, match=rf"^{named} needs .* GiB of memory, and 0\.00 GiB of .* are free; .* --force\.$"):
        check(workshop)


def test_where_there_is_memory_no_stage_complains(tiny_recipe: Path, tmp_path: Path) -> None:
    workshop = Workshop(load_recipe(str(tiny_recipe)), Run(tmp_path / "run"), Listener())
    for check in (check_pretraining, check_tuning, check_evaluation):
        check(workshop)
    assert room_on_device(tiny_model(), TrainConfig()) == Room(for_model=True, for_gradients=True)


@pytest.mark.usefixtures("full_machine")
def test_a_full_device_has_no_room_for_the_whole_model() -> None:
    assert room_on_device(tiny_model(), TrainConfig()) == Room(for_model=False, for_gradients=False)


def test_superposition_is_refused_where_the_text_is_too_little(tiny_recipe: Path, tmp_path: Path) -> None:
    given = ["train.chat_share=0", "model.copy_head=false", "train.train_tokens=3_072_000"]
    recipe = load_recipe(str(tiny_recipe), [*given, "train.superposition={bag = 6, share = 0.3}"])
    with pytest.raises(CorpusError, match=r"set train\.superposition\.kind=output"):
        check_pretraining(Workshop(recipe, Run(tmp_path / "run"), Listener()))


@pytest.mark.usefixtures("full_machine")
@pytest.mark.parametrize("verb", ["train", "make", "tune"])
def test_nothing_is_begun_that_cannot_be_ended(
    verb: str, tiny_recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "run"
    assert run([verb, str(tiny_recipe), "--run", str(folder)]) == 1
    assert "go on regardless with --force" in capsys.readouterr().err
    assert not (folder / "corpus").exists()


@pytest.mark.usefixtures("full_machine")
def test_force_goes_on_regardless(tiny_recipe: Path, tmp_path: Path) -> None:
    assert run(["train", str(tiny_recipe), "--run", str(tmp_path / "run"), "--force"]) == 0


@pytest.mark.usefixtures("full_machine")
def test_what_is_done_already_needs_no_memory(run_copy: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["make", str(run_copy)]) == 0
    assert "nothing to do: every stage is fresh." in capsys.readouterr().err


@pytest.mark.usefixtures("full_machine")
def test_a_finished_model_is_loaded_where_there_is_room_or_by_force(run_copy: Path, capsys: pytest.CaptureFixture) -> None:
    for verb in (["generate", str(run_copy), "Who?"], ["chat", str(run_copy)]):
        assert run(verb) == 1
        assert 'error: loading "tiny" needs' in capsys.readouterr().err
    assert run(["generate", str(run_copy), "Who?", "--force"]) == 0
