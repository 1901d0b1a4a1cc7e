"""A folder of quantized weights, which is loaded like a checkpoint.

quantized/int8/
├── model-00001.safetensors …   the weights, in files of about FILE_BYTES: the files are hashed side by side
├── quantization.json           the scheme, the format of each weight, what it was made of and what it lost
├── model.json recipe.toml trainer.json tokenizer.json …    as in the checkpoint it was made of
└── manifest.json               size and SHA-256 of each
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from handspun.files import MANIFEST, read_json, write_bytes, write_json
from handspun.quantize.config import GROUP, Format, Scheme, format_of
from handspun.quantize.model import small_weight, stored
from handspun.tensors import write_tensors

FACTS = "quantization.json"
FILE_BYTES = 1 << 28


@dataclass(frozen=True)
class Quantization:
    """How the weights of a folder are stored."""

    scheme: Scheme
    formats: dict[str, Format]
    """of each weight by its name"""
    made_of: str
    """the SHA-256 of the manifest of the checkpoint it was made of"""
    measured: dict[str, Any]
    """what it lost"""


def is_quantized(folder: Path) -> bool:
    """Whether a folder holds quantized weights."""
    return (folder / FACTS).is_file()


def read_quantization(folder: Path) -> Quantization | None:
    """What a folder says of its weights; None where they are not quantized. Raises DamagedFileError."""
    if not is_quantized(folder):
        return None
    facts = read_json(folder / FACTS)
    return Quantization(facts["scheme"], facts["formats"], facts["made_of"], facts["measured"])


def write_quantization(folder: Path, quantization: Quantization) -> None:
    """Note how the weights of a folder are stored."""
    facts = {"scheme": quantization.scheme, "group": GROUP, "formats": quantization.formats}
    write_json(folder / FACTS, {**facts, "made_of": quantization.made_of, "measured": quantization.measured})


def write_weights(
    folder: Path, weights: Mapping[str, Tensor], scheme: Scheme, on_progress: Callable[[int, int], None]
) -> dict[str, Format]:
    """Write each weight as the scheme stores it, a file's worth in memory at a time, and return the formats."""
    formats: dict[str, Format] = {}

    def tensors() -> Iterator[tuple[str, Tensor]]:
        for number, (name, weight) in enumerate(weights.items(), start=1):
            formats[name] = format_of(name, tuple(weight.shape), scheme)
            yield from stored(name, small_weight(weight, formats[name])).items()
            on_progress(number, len(weights))

    for number, part in enumerate(parts(tensors()), start=1):
        write_tensors(folder / f"model-{number:05d}.safetensors", part, metadata={"scheme": scheme})
    return formats


def parts(tensors: Iterator[tuple[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
    """The tensors in order, in parts of at least FILE_BYTES."""
    part: dict[str, Tensor] = {}
    for name, tensor in tensors:
        part[name] = tensor
        if sum(tensor.nbytes for tensor in part.values()) >= FILE_BYTES:
            yield part
            part = {}
    if part:
        yield part


def copy_companions(source: Path, folder: Path) -> None:
    """Copy what a checkpoint holds besides tensors."""
    for path in source.iterdir():
        if path.suffix != ".safetensors" and path.name != MANIFEST:
            write_bytes(folder / path.name, path.read_bytes())
