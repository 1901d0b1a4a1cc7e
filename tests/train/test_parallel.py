"""Several processes learn what one learns: real ones, started by torchrun, that talk over gloo."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from shared_run import SHARED, trained

from handspun.checkpoint import load_checkpoint
from handspun.errors import SettingsError
from handspun.processes import Processes, rows_of
from handspun.train import link
from handspun.train.parallel import check_share
from tiny_run import tiny_config, tiny_trainer

SCRIPT = Path(__file__).with_name("shared_run.py")
OTHER_SHAPE = {"bias": True, "norm": "layernorm", "position": "learned", "tie_embeddings": False, "n_layers": 3, "d_model": 30}
WAYS: dict[str, dict[str, Any]] = {
    "ddp": {"changes": {"parallel": "ddp", "micro_batch": 1}},
    "ddp in one forward": {"changes": {"parallel": "ddp"}},
    "ddp with adamw": {"changes": {"parallel": "ddp", "optimizer": "adamw"}, "is_empty": True},
    "ddp forgetting half": {"changes": {"parallel": "ddp", "activation_checkpointing": "selective"}},
    "ddp with its state on the host": {"changes": {"parallel": "ddp", "offload": "optimizer"}},
    "fsdp": {"changes": {"parallel": "fsdp", "micro_batch": 1, "save_every": 2, "keep_checkpoints": 3}},
    "fsdp over a fast link": {"changes": {"parallel": "fsdp", "micro_batch": 1}, "is_fast": True},
    "fsdp with adamw": {"changes": {"parallel": "fsdp", "optimizer": "adamw"}, "is_empty": True},
    "fsdp forgetting all": {"changes": {"parallel": "fsdp", "activation_checkpointing": "full"}},
    "fsdp with its state on the host": {"changes": {"parallel": "fsdp", "offload": "optimizer"}},
    "fsdp with all on the host": {"changes": {"parallel": "fsdp", "offload": "all"}},
    "fsdp of another shape": {"changes": {"parallel": "fsdp"}, "model": OTHER_SHAPE, "is_empty": True},
}
FSDP = {"parallel": "fsdp"}


def launch(folder: Path, data: Path, n: int, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Run the script in n processes and return what it wrote down."""
    (folder / "cases.json").write_text(json.dumps(cases))
    started = [str(SCRIPT), str(data), str(folder / "out.json"), str(folder / "cases.json")]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    path = os.pathsep.join([str(SCRIPT.parents[1]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *torchrun, *started], check=True, env=environment, timeout=300)
    return json.loads((folder / "out.json").read_text())


def alone(data: Path, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """The same in this process."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.float().clone())
        monkeypatch.setattr(link, "SLOW_BYTES_PER_S", 0)
        return {case["name"]: trained(case, data, Processes()) for case in cases}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def results(folder: Path, data: Path) -> dict[int, dict[str, Any]]:
    """What one, two and four processes saw; those of two and four also go on with what others have begun."""

    def cases(n: int) -> list[dict[str, Any]]:
        return [{"name": name, "folder": str(folder / f"{n} {name}"), **way} for name, way in WAYS.items()]

    def begun(n: int) -> dict[str, Any]:
        return {"name": "begun", "folder": str(folder / f"begun by {n}"), "changes": FSDP, "stop": 3}

    def gone_on(before: int, n: int) -> dict[str, Any]:
        source, name = str(folder / f"begun by {before}"), f"begun by {before}"
        return {"name": name, "source": source, "folder": str(folder / f"{before} to {n}"), "changes": FSDP}

    found = {1: alone(data, [*cases(1), begun(1)])}
    found[2] = launch(folder, data, 2, [*cases(2), begun(2), gone_on(1, 2), gone_on(2, 2)])
    found[4] = launch(folder, data, 4, [*cases(4), begun(4), gone_on(1, 4), gone_on(2, 4)])
    found[2] |= launch(folder, data, 2, [gone_on(4, 2)])
    found[1] |= alone(data, [gone_on(2, 1), gone_on(4, 1)])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("way", WAYS)
def test_any_number_of_processes_sees_the_same_losses(results: dict[int, dict[str, Any]], way: str, n: int) -> None:
    expected, found = results[1][way], results[n][way]
    assert found["steps"] == expected["steps"] == [1, 2, 3, 4, 5, 6]
    assert found["losses"] == pytest.approx(expected["losses"], rel=1e-6)
    assert found["norms"] == pytest.approx(expected["norms"], rel=2e-5)
    assert found["measured"] == pytest.approx(expected["measured"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "n"), [(1, 2), (2, 2), (1, 4), (2, 4), (4, 2), (2, 1), (4, 1)])
def test_a_run_goes_on_with_another_number_of_processes(results: dict[int, dict[str, Any]], before: int, n: int) -> None:
    whole, begun, gone_on = results[1]["ddp in one forward"], results[before]["begun"], results[n][f"begun by {before}"]
    assert (begun["steps"], gone_on["steps"]) == ([1, 2, 3], [4, 5, 6])
    assert [*begun["losses"], *gone_on["losses"]] == pytest.approx(whole["losses"], rel=1e-6)


@pytest.mark.slow
def test_the_ways_that_only_share_the_work_differ_from_those_that_learn_otherwise(results: dict[int, dict[str, Any]]) -> None:
    losses = {way: result["losses"] for way, result in results[2].items() if way in WAYS}
    assert losses["ddp"] == pytest.approx(losses["fsdp"], rel=1e-6)
    assert losses["ddp"] != pytest.approx(losses["ddp with adamw"], rel=1e-3)


@pytest.mark.slow
def test_a_checkpoint_written_while_training_goes_on_is_that_of_its_step(results: dict[int, Any], folder: Path) -> None:
    shared, alone = (load_checkpoint(folder / f"{n} fsdp" / "00000002") for n in (4, 1))
    assert len(list(shared.folder.glob("shard-*.safetensors"))) == 4
    for found, expected in ((shared.weights, alone.weights), (shared.trainer_state, alone.trainer_state)):
        assert set(found) == set(expected)
        assert all(torch.allclose(found[name], expected[name], rtol=1e-4, atol=1e-6) for name in expected)
    assert shared.facts["identity"] == alone.facts["identity"]


@pytest.mark.slow
def test_the_last_checkpoint_is_one_that_needs_no_other_process(results: dict[int, Any], folder: Path) -> None:
    last, expected = (load_checkpoint(folder / f"{n} fsdp") for n in (4, 1))
    assert last.step == 6
    assert sorted(path.name for path in last.folder.iterdir()) == sorted(path.name for path in expected.folder.iterdir())
    model, other = last.load_model(), expected.load_model()
    assert all(torch.allclose(weight, other.state_dict()[name], atol=1e-5) for name, weight in model.state_dict().items())


def test_the_rows_of_a_step_are_dealt_out_without_gap_or_overlap(data: Path, tmp_path: Path) -> None:
    batches = tiny_trainer(tmp_path, data, tiny_config(**SHARED)).batches
    whole = torch.cat([batch.ids for batch in batches.micro_batches(3)])
    for n in (1, 2, 4):
        parts = [batch.ids for rank in range(n) for batch in batches.micro_batches(3, rank, n)]
        assert torch.equal(torch.cat(parts), whole)


def test_rows_of_a_weight_lie_where_torch_chunk_puts_them() -> None:
    for n_rows in range(1, 12):
        for n in (1, 2, 3, 4, 8):
            chunks = torch.arange(n_rows).chunk(n)
            found = [list(rows_of(n_rows, rank, n)) for rank in range(n)]
            assert found == [chunk.tolist() for chunk in chunks] + [[]] * (n - len(chunks))


def test_a_batch_that_cannot_be_dealt_out_says_what_would_do() -> None:
    config = tiny_config(**SHARED)
    check_share(config, 4)
    with pytest.raises(
        SettingsError, match=r"batch_tokens=768: not a multiple of .* 8 processes = 1536; train\.micro_batch=1 would"
    ):
        check_share(config, 8)
    with pytest.raises(SettingsError, match=r"3 processes = 576; train\.batch_tokens=576 would do"):
        check_share(config, 3)


def test_one_process_alone_answers_for_all() -> None:
    alone = Processes()
    assert (alone.total(2.5), alone.any(True), alone.any(False), alone.told("word"), alone.is_first) == (
        2.5,
        True,
        False,
        "word",
        True,
    )
