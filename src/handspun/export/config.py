"""In which form a model goes out to the world."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["gguf"]
Dtype = Literal["f32", "bf16", "q8_0", "q4_0"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportConfig:
    """What `handspun export` writes."""

    format: Format = "gguf"
    """The kind of file: gguf, which llama.cpp, Ollama and LM Studio load."""
    dtype: Dtype = "bf16"
    """How the matrices are stored: f32, bf16, or in groups of 32 with one scale each as q8_0 (8.5 bits) or q4_0 (4.5 bits)."""
