"""handspun consolidate: a checkpoint in pieces becomes one that any tool reads."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from handspun.checkpoint import Checkpoint, load_checkpoint
from handspun.cli.app import run
from handspun.consolidate import consolidate
from handspun.errors import DamagedFileError
from handspun.files import seal_folder
from handspun.pieces import OFFSETS_KEY


def break_up(checkpoint: Checkpoint) -> None:
    """Make of a whole checkpoint one that two processes would have written."""
    folder = checkpoint.folder
    tensors = load_file(folder / "model.safetensors") | load_file(folder / "trainer.safetensors")
    for name in ("model.safetensors", "trainer.safetensors"):
        (folder / name).unlink()
    for rank in range(2):
        held, offsets = {}, {}
        for name, tensor in tensors.items():
            if tensor.ndim == 0:
                held |= {name: tensor} if rank == 0 else {}
            elif rank < len(parts := tensor.chunk(2)):
                held[name] = parts[rank].contiguous()
                offsets[name] = {"saved_offsets": [rank * len(parts[0]), *([0] * (tensor.ndim - 1))]}
        path = folder / f"shard-{rank + 1:05d}-model-00001-of-00001.safetensors"
        save_file(held, path, {OFFSETS_KEY: json.dumps(offsets)})
    seal_folder(folder)


def test_a_checkpoint_in_pieces_is_read_like_any_other_and_becomes_what_one_process_writes(run_copy: Path) -> None:
    checkpoint = load_checkpoint(run_copy / "checkpoints")
    whole = {path.name: path.read_bytes() for path in checkpoint.folder.iterdir()}
    weights = checkpoint.load_model().state_dict()
    break_up(checkpoint)
    in_pieces = load_checkpoint(run_copy / "checkpoints").load_model().state_dict()
    assert all(torch.equal(weight, in_pieces[name]) for name, weight in weights.items())
    assert run(["consolidate", str(run_copy)]) == 0
    assert {path.name: path.read_bytes() for path in checkpoint.folder.iterdir()} == whole
    assert run(["make", str(run_copy)]) == 0


def test_one_step_can_be_named_and_one_that_is_whole_is_left_alone(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older, newest = sorted((run_copy / "checkpoints").glob("0*"))
    break_up(Checkpoint(older))
    assert run(["consolidate", str(run_copy), "--step", str(Checkpoint(older).step), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"checkpoint": str(older), "was_in_pieces": True}
    before = newest.stat().st_ino
    assert run(["consolidate", str(run_copy), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"checkpoint": str(newest), "was_in_pieces": False}
    assert newest.stat().st_ino == before


def test_a_damaged_piece_is_refused_and_left_as_it_is(run_copy: Path) -> None:
    checkpoint = load_checkpoint(run_copy / "checkpoints")
    break_up(checkpoint)
    piece = checkpoint.folder / "shard-00002-model-00001-of-00001.safetensors"
    content = bytearray(piece.read_bytes())
    content[-1] ^= 1
    piece.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"shard-00002.* is damaged"):
        consolidate(checkpoint)
    assert piece.is_file() and not (checkpoint.folder / "model.safetensors").exists()


def test_a_step_that_was_not_saved_is_refused_with_those_that_were(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = sorted(int(folder.name) for folder in (run_copy / "checkpoints").glob("0*"))
    assert run(["consolidate", str(run_copy), "--step", "7"]) == 1
    assert f"has no checkpoint of step 7; there are {', '.join(map(str, steps))}." in capsys.readouterr().err
