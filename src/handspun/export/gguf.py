"""A model as a GGUF file, which an unmodified llama.cpp loads and computes alike."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handspun.errors import ExportError
from handspun.export.architecture import architecture, named_weights, shape_keys
from handspun.export.config import Dtype
from handspun.export.vocabulary import vocabulary_keys
from handspun.files import durable_writer
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer

GROUP = 32
"""Weights that share a scale in q8_0 and q4_0."""
FILE_TYPES: dict[Dtype, str] = {
    "f32": "ALL_F32",
    "bf16": "MOSTLY_BF16",
    "q8_0": "MOSTLY_Q8_0",
    "q4_0": "MOSTLY_Q4_0",
}
"""How the format calls a file by what most of it is."""


def export_gguf(model: Transformer, tokenizer: Tokenizer, path: Path, *, name: str, dtype: Dtype = "bf16") -> None:
    """Write a model and its tokenizer durably, one tensor at a time. Raises ExportError, DiskFullError."""
    gguf = load_gguf()
    weights = {key: weight.detach() for key, weight in named_weights(model)}
    kinds = {key: kind_of(weight, dtype) for key, weight in weights.items()}
    keys = {
        "general.name": name,
        "general.file_type": int(gguf.LlamaFileType[FILE_TYPES[dtype]]),
        "general.quantization_version": gguf.GGML_QUANT_VERSION,
        **{f"{architecture(model.config)}.{key}": value for key, value in shape_keys(model.config).items()},
        **vocabulary_keys(tokenizer),
    }
    sizes = {key: stored_bytes(gguf, weight, kinds[key]) for key, weight in weights.items()}
    with (
        durable_writer(path, needed_bytes=sum(sizes.values())) as file,
        closing(gguf.GGUFWriter(file.name, architecture(model.config))) as writer,
    ):
        add_keys(writer, keys)
        for key, weight in weights.items():
            writer.add_tensor_info(key, weight.shape, np.dtype(np.float32), sizes[key], gguf.GGMLQuantizationType[kinds[key]])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for key, weight in weights.items():
            writer.write_tensor_data(stored(gguf, weight, kinds[key]))


def load_gguf() -> ModuleType:
    """The package that knows the format. Raises ExportError where it is absent."""
    try:
        import gguf
    except ImportError as error:
        raise ExportError('the package gguf is absent; install it: pip install "handspun[gguf]"') from error
    return gguf


def kind_of(weight: Tensor, dtype: Dtype) -> str:
    """How one tensor is stored: matrices as asked, and what is added or multiplied one by one in fp32."""
    if weight.ndim == 1:
        return "F32"
    if dtype.startswith("q") and weight.shape[1] % GROUP:
        raise ExportError(
            f"{dtype} stores {GROUP} weights together, and a matrix here has rows of {weight.shape[1]:,}; choose dtype=bf16."
        )
    return dtype.upper()


def stored_bytes(gguf: ModuleType, weight: Tensor, kind: str) -> int:
    """How much room a tensor takes in the file."""
    group, group_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    return weight.numel() // group * group_bytes


def stored(gguf: ModuleType, weight: Tensor, kind: str) -> np.ndarray:
    """A tensor's bytes in the file."""
    if kind == "BF16":
        return weight.to(torch.bfloat16).contiguous().view(torch.int16).cpu().numpy()
    return gguf.quants.quantize(weight.float().contiguous().cpu().numpy(), gguf.GGMLQuantizationType[kind])


def add_keys(writer: Any, keys: Mapping[str, Any]) -> None:
    """Note what stands before the tensors, each value as the type the format wants."""
    for key, value in keys.items():
        match value:
            case bool():
                writer.add_bool(key, value)
            case int():
                writer.add_uint32(key, value)
            case float():
                writer.add_float32(key, value)
            case str():
                writer.add_string(key, value)
            case list():
                writer.add_array(key, value)
