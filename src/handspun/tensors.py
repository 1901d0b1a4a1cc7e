"""Named tensors in a safetensors file: written one at a time, so that saving takes no memory beside the largest of them.

The file is the length of its header in 8 bytes, the header as JSON, and the bytes of the tensors one after the other.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handspun.files import durable_writer

DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""How the format calls a dtype."""
ALIGNMENT = 8


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    blueprint: Mapping[str, Tensor] | None = None,
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors of any device durably; the widest dtypes come first, so that each is aligned. Raises DiskFullError.

    With a `blueprint`, tensors of the same shapes on the device "meta", each of `tensors` is looked up when its turn comes.
    """
    ordered = dict(sorted((blueprint or tensors).items(), key=lambda item: (-item[1].element_size(), item[0])))
    header = header_of(ordered, metadata)
    with durable_writer(path, needed_bytes=len(header) + sum(tensor.nbytes for tensor in ordered.values())) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for name in ordered:
            file.write(tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)


def header_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Dtype, shape and place of each tensor, padded with spaces to where the first may begin."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        entries[name] = {"dtype": DTYPE_NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    header = json.dumps(entries, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % ALIGNMENT)
