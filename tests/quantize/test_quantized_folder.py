"""Quantized weights are a folder that is loaded like a checkpoint."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from handspun.checkpoint import Checkpoint, load_checkpoint, new_quantized
from handspun.errors import CheckpointError, DamagedFileError
from handspun.files import read_json, write_json
from handspun.quantize import folder as folder_of_weights
from handspun.quantize.config import Scheme
from handspun.quantize.folder import Quantization, copy_companions, write_quantization, write_weights

SCHEMES: tuple[Scheme, ...] = ("bf16", "int8", "int4")


def quantized(run: Path, scheme: Scheme, target: Path) -> Checkpoint:
    """The finished model of a run in a folder of its own."""
    source = load_checkpoint(run / "tuned")
    with new_quantized(target) as folder:
        formats = write_weights(folder, source.weights, scheme, lambda *_: None)
        copy_companions(source.folder, folder)
        write_quantization(folder, Quantization(scheme, formats, "", {}))
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
