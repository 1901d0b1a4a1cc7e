"""Tensor files: what stock safetensors reads and writes, without a second copy in memory."""

import tracemalloc
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from handspun.errors import DamagedFileError
from handspun.pieces import Pieces
from handspun.tensors import DTYPE_NAMES, write_tensors

shapes = st.lists(st.integers(0, 5), max_size=3)
named_shapes = st.dictionaries(
    st.text(min_size=1, max_size=8), st.tuples(shapes, st.sampled_from(list(DTYPE_NAMES))), max_size=5
)


def counted(shape: list[int], dtype: torch.dtype) -> Tensor:
    """Different numbers in each place, as far as the dtype tells them apart."""
    return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)


@given(named_shapes)
def test_stock_safetensors_reads_what_we_write(
    tmp_path_factory: pytest.TempPathFactory, named: dict[str, tuple[list[int], torch.dtype]]
) -> None:
    tensors = {name: counted(shape, dtype) for name, (shape, dtype) in named.items()}
    path = tmp_path_factory.mktemp("tensors") / "some.safetensors"
    write_tensors(path, tensors)
    for found in (load_file(path), dict(Pieces([path]))):
        assert found.keys() == tensors.keys()
        assert all(found[name].dtype == tensor.dtype and torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_the_bytes_are_those_that_stock_safetensors_writes(tmp_path: Path) -> None:
    tensors = {
        "b": torch.randn(3, 4),
        "a": torch.randn(5).bfloat16(),
        "c": torch.tensor(3),
        "d": torch.randn(4, 3).T.contiguous(),
    }
    write_tensors(tmp_path / "ours", tensors)
    save_file(tensors, tmp_path / "stock")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "stock").read_bytes()


def test_a_view_is_written_as_what_it_shows(tmp_path: Path) -> None:
    table = torch.arange(12.0).reshape(3, 4).requires_grad_()
    write_tensors(tmp_path / "views", {"column": table[:, 1], "turned": table.T})
    found = dict(Pieces([tmp_path / "views"]))
    assert torch.equal(found["column"], table[:, 1]) and torch.equal(found["turned"], table.T)


def test_writing_holds_no_second_copy(tmp_path: Path) -> None:
    tensors = {str(number): torch.zeros(1 << 20) for number in range(8)}
    tracemalloc.start()
    write_tensors(tmp_path / "large", tensors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20 < (tmp_path / "large").stat().st_size


def test_a_file_that_is_cut_short_or_absent_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    write_tensors(path, {"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:-1])
    for damaged in (path, tmp_path / "absent"):
        with pytest.raises(DamagedFileError, match=f"{damaged.name} cannot be read .* delete its folder and run again"):
            dict(Pieces([damaged]))
