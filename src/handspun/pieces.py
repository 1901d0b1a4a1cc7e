"""Tensors that several processes wrote: each file holds some rows of them, and what is asked for is put together again."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from handspun.errors import DamagedFileError
from handspun.tensors import DTYPE_NAMES

DTYPES = {name: dtype for dtype, name in DTYPE_NAMES.items()}
OFFSETS_KEY = "DCP_SHARDING_INFO"
"""Where torch.distributed.checkpoint notes which rows of a tensor a file holds."""


@dataclass(frozen=True)
class Piece:
    """Some rows of a tensor, from `first_row` on, in an open file."""

    file: Any
    first_row: int
    shape: tuple[int, ...]


class Pieces(Mapping[str, Tensor]):
    """Every tensor in some safetensors files, whole or in pieces, each loaded when it is asked for."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.pieces: dict[str, list[Piece]] = {}
        for path in paths:
            self.open(path)

    def open(self, path: Path) -> None:
        """Note what one file holds. Raises DamagedFileError."""
        try:
            file = safe_open(path, framework="pt")
            offsets = json.loads((file.metadata() or {}).get(OFFSETS_KEY, "{}"))
            for name in file.keys():  # noqa: SIM118
                first_row = next(iter(offsets.get(name, {}).get("saved_offsets", ())), 0)
                piece = Piece(file, first_row, tuple(file.get_slice(name).get_shape()))
                self.pieces.setdefault(name, []).append(piece)
        except (SafetensorError, OSError) as error:
            raise DamagedFileError(f"{path} cannot be read ({error}); delete its folder and run again.") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, name: str) -> Tensor:
        pieces = self.pieces[name]
        return pieces[0].file.get_tensor(name) if len(pieces) == 1 else self.rows(name, 0, self.shape(name)[0])

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of the whole tensor."""
        pieces = self.pieces[name]
        if len(pieces) == 1:
            return pieces[0].shape
        return (max(piece.first_row + piece.shape[0] for piece in pieces), *pieces[0].shape[1:])

    def dtype(self, name: str) -> torch.dtype:
        """What its numbers are."""
        return DTYPES[self.pieces[name][0].file.get_slice(name).get_dtype()]

    def rows(self, name: str, start: int, end: int) -> Tensor:
        """The rows from `start` to before `end`, and no others read."""
        result = torch.empty((end - start, *self.shape(name)[1:]), dtype=self.dtype(name))
        for piece in self.pieces[name]:
            first, last = max(start, piece.first_row), min(end, piece.first_row + piece.shape[0])
            if first < last:
                source = piece.file.get_slice(name)
                result[first - start : last - start] = source[first - piece.first_row : last - piece.first_row]
        return result

    def blueprint(self) -> dict[str, Tensor]:
        """Every tensor without its numbers."""
        return {name: torch.empty(self.shape(name), dtype=self.dtype(name), device="meta") for name in self}

    def only(self, is_wanted: Callable[[str], bool]) -> "Pieces":
        """Those whose name is wanted."""
        chosen = Pieces(())
        chosen.pieces = {name: pieces for name, pieces in self.pieces.items() if is_wanted(name)}
        return chosen
