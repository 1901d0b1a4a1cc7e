"""Tensors in pieces: the rows of several files are put together as the tensors they were."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from handspun.errors import DamagedFileError
from handspun.pieces import OFFSETS_KEY, Pieces
from handspun.tensors import write_tensors


def write_pieces(folder: Path, tensors: dict[str, Tensor], n_files: int) -> list[Path]:
    """Spread the rows of each tensor over files, as torch.chunk does; what has no rows goes into the last."""
    paths = [folder / f"shard-{number}.safetensors" for number in range(n_files)]
    for number, path in enumerate(paths):
        held, offsets = {}, {}
        for name, tensor in tensors.items():
            if tensor.ndim == 0:
                held |= {name: tensor} if number == n_files - 1 else {}
                continue
            parts = tensor.chunk(n_files) if len(tensor) else ()
            if number < len(parts):
                held[name] = parts[number].contiguous()
                offsets[name] = {"saved_offsets": [sum(map(len, parts[:number])), *([0] * (tensor.ndim - 1))]}
        save_file(held, path, {OFFSETS_KEY: json.dumps(offsets)})
    return paths


@given(st.integers(1, 5), st.integers(1, 9), st.data())
def test_any_rows_of_any_number_of_files_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, n_files: int, n_rows: int, data: st.DataObject
) -> None:
    whole = {"matrix": torch.randn(n_rows, 3), "vector": torch.randn(n_rows), "step": torch.tensor(7.0)}
    pieces = Pieces(write_pieces(tmp_path_factory.mktemp("pieces"), whole, n_files))
    start = data.draw(st.integers(0, n_rows))
    end = data.draw(st.integers(start, n_rows))
    assert pieces.keys() == whole.keys()
    assert all(torch.equal(pieces[name], tensor) for name, tensor in whole.items())
    assert all(torch.equal(pieces.rows(name, start, end), whole[name][start:end]) for name in ("matrix", "vector"))


def test_they_can_be_written_as_one_file(tmp_path: Path) -> None:
    whole = {"a": torch.randn(7, 3), "b": torch.randn(5).bfloat16(), "step": torch.tensor(3.0)}
    pieces = Pieces(write_pieces(tmp_path, whole, 3))
    write_tensors(tmp_path / "one", pieces, pieces.blueprint())
    write_tensors(tmp_path / "expected", whole)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "expected").read_bytes()


def test_only_the_names_that_are_wanted_are_there(tmp_path: Path) -> None:
    pieces = Pieces(write_pieces(tmp_path, {"a": torch.zeros(2), "a/step": torch.tensor(1.0)}, 2))
    assert set(pieces.only(lambda name: "/" in name)) == {"a/step"}


def test_a_file_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match=r"gone\.safetensors cannot be read"):
        Pieces([tmp_path / "gone.safetensors"])
