"""Quantized weights are a folder that is loaded like a checkpoint."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from handspun.checkpoint import Checkpoint, load_checkpoint, new_quantized, unproved_checkpoint
from handspun.errors import CheckpointError, DamagedFileError
from handspun.evaluate.divergence import divergence
from handspun.files import MANIFEST, read_json, seal_folder, sha256, write_json
from handspun.model.transformer import Transformer
from handspun.quantize import folder as folder_of_weights
from handspun.quantize.config import Scheme
from handspun.quantize.folder import Quantization, copy_companions, write_quantization, write_weights
from handspun.quantize.kernels import Kernel
from handspun.quantize.linear import SmallLinear
from handspun.runs import Run
from handspun.stages.tokenize import held_out_shards

SCHEMES: tuple[Scheme, ...] = ("bf16", "int8", "int4")


def quantized(run: Path, scheme: Scheme, target: Path) -> Checkpoint:
    """The finished model of a run in a folder of its own."""
    source = load_checkpoint(run / "tuned")
    with new_quantized(target) as folder:
        formats = write_weights(folder, source.weights, scheme, lambda *_: None)
        copy_companions(source.folder, folder)
        write_quantization(folder, Quantization(scheme, formats, sha256(source.folder / MANIFEST), {}))
    return load_checkpoint(target)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_loads_like_a_checkpoint_and_computes_nearly_the_same(finished_run: Path, tmp_path: Path, scheme: Scheme) -> None:
    small, ids = quantized(finished_run, scheme, tmp_path / scheme), torch.tensor([[20, 30, 40, 50]])
    model, exact = small.load_model().eval(), load_checkpoint(finished_run / "tuned").load_model().eval()
    with torch.no_grad():
        found, expected = model.logits(model(ids)), exact.logits(exact(ids))
    difference = (found - expected).norm() / expected.norm()
    assert difference < {"bf16": 0.02, "int8": 0.04, "int4": 0.4}[scheme]
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert small.load_tokenizer().vocab_size == 300


@pytest.mark.parametrize("scheme", SCHEMES)
def test_elsewhere_than_on_a_cpu_the_matrices_are_whole(finished_run: Path, tmp_path: Path, scheme: Scheme) -> None:
    model = quantized(finished_run, scheme, tmp_path / scheme).load_model(device="meta", compute_dtype=torch.bfloat16)
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


def test_the_scheme_stands_in_the_file_too(finished_run: Path, tmp_path: Path) -> None:
    folder = quantized(finished_run, "int8", tmp_path / "int8").folder
    with safe_open(folder / "model-00001.safetensors", framework="pt") as file:
        assert file.metadata() == {"scheme": "int8"}


def test_many_weights_are_spread_over_files(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_of_weights, "FILE_BYTES", 1000)
    several, one = quantized(finished_run, "int8", tmp_path / "several"), quantized
    assert len(list(several.folder.glob("*.safetensors"))) > 1
    monkeypatch.undo()
    whole = one(finished_run, "int8", tmp_path / "one")
    assert several.weights.keys() == whole.weights.keys()
    assert all(torch.equal(several.weights[name], whole.weights[name]) for name in whole.weights)


def test_a_flipped_bit_is_noticed(finished_run: Path, tmp_path: Path) -> None:
    path = quantized(finished_run, "int8", tmp_path / "int8").folder / "model-00001.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match="its SHA-256 has changed"):
        load_checkpoint(tmp_path / "int8")
    with pytest.raises(DamagedFileError, match="its SHA-256 has changed"), unproved_checkpoint(tmp_path / "int8") as early:
        assert early.load_model()  # it can be read, but never used


def test_weights_that_are_read_while_they_are_checked_are_the_same(finished_run: Path, tmp_path: Path) -> None:
    small = quantized(finished_run, "int8", tmp_path / "int8")
    with unproved_checkpoint(small.folder) as early:
        weights = dict(early.weights)
    assert all(torch.equal(weights[name], small.weights[name]) for name in small.weights)


def test_what_fails_because_a_file_is_damaged_is_said_to_be_damaged(finished_run: Path, tmp_path: Path) -> None:
    path = quantized(finished_run, "int8", tmp_path / "int8").folder / "model-00001.safetensors"
    path.unlink()
    with pytest.raises(DamagedFileError, match="is missing"), unproved_checkpoint(tmp_path / "int8") as early:
        early.load_model()


def test_weights_of_another_shape_are_refused(finished_run: Path, tmp_path: Path) -> None:
    small = quantized(finished_run, "int8", tmp_path / "int8")
    shape = read_json(small.folder / "model.json")
    write_json(small.folder / "model.json", {**shape, "model": {**shape["model"], "n_layers": 3}})
    with pytest.raises(CheckpointError, match="another shape than"):
        small.load_model()


def test_a_folder_that_was_not_finished_leaves_what_was_there(finished_run: Path, tmp_path: Path) -> None:
    quantized(finished_run, "int8", tmp_path / "int8")
    with pytest.raises(RuntimeError, match="stop"), new_quantized(tmp_path / "int8") as folder:
        (folder / "half").write_text("written")
        raise RuntimeError("stop")
    assert load_checkpoint(tmp_path / "int8").quantization is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["int8"]


def trained_on(run: Path) -> Path:
    """A newer checkpoint of the finished model than there was."""
    newest = load_checkpoint(run / "tuned").folder
    newer = newest.with_name(f"{int(newest.name) + 1:08d}")
    shutil.copytree(newest, newer)
    write_json(newer / "trainer.json", {**read_json(newest / "trainer.json"), "step": int(newer.name)})
    seal_folder(newer)
    return newer


def test_weights_made_of_an_older_checkpoint_are_refused(run_copy: Path) -> None:
    folder = quantized(run_copy, "int8", run_copy / "quantized" / "int8").folder
    trained_on(run_copy)
    with pytest.raises(CheckpointError) as refused:
        load_checkpoint(folder)
    assert str(refused.value) == (
        f"{folder} was made of an older checkpoint; run `handspun quantize {run_copy} scheme=int8` again."
    )
    quantized(run_copy, "int8", folder)
    assert load_checkpoint(folder).quantization is not None


def test_a_newer_checkpoint_that_is_damaged_makes_nothing_old(run_copy: Path) -> None:
    folder = quantized(run_copy, "int8", run_copy / "quantized" / "int8").folder
    (trained_on(run_copy) / "model.safetensors").write_bytes(b"half")
    assert load_checkpoint(folder).quantization is not None


def test_weights_that_lie_in_no_run_or_whose_checkpoints_are_gone_are_taken(run_copy: Path, tmp_path: Path) -> None:
    folder = quantized(run_copy, "int8", run_copy / "quantized" / "int8").folder
    trained_on(run_copy)
    assert load_checkpoint(Path(shutil.copytree(folder, tmp_path / "int8"))).quantization is not None
    shutil.rmtree(run_copy / "tuned")
    shutil.rmtree(run_copy / "checkpoints")
    assert load_checkpoint(folder).quantization is not None


def row_by_row(model: Transformer) -> Transformer:
    """The model, reading each row of many by the kernel that reads a single one."""
    for layer in model.modules():
        if isinstance(layer, SmallLinear):
            layer.several = each_row(layer.one)
    return model


def each_row(one: Kernel) -> Kernel:
    """A kernel for a single row, called for each of many."""
    return lambda x: torch.cat([one(row) for row in x.flatten(0, -2).split(1)]).unflatten(0, x.shape[:-1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_writes_a_token_at_a_time_loses_what_was_measured(
    finished_run: Path, tmp_path: Path, scheme: Scheme, dtype: torch.dtype
) -> None:
    small, full = quantized(finished_run, scheme, tmp_path / scheme), load_checkpoint(finished_run / "tuned").load_model()
    ids, byte_lengths = held_out_shards(Run(finished_run)).tokens(0, 256), small.load_tokenizer().byte_lengths
    many, single = (
        divergence(full, model, ids, byte_lengths, seq_len=64, on_progress=lambda *_: None)
        for model in (small.load_model(compute_dtype=dtype), row_by_row(small.load_model(compute_dtype=dtype)))
    )
    assert single.bpb_after == pytest.approx(many.bpb_after, abs=0.005)
    assert single.kl_mean < 2 * many.kl_mean + 1e-6
