"""In which form a model goes out to the world."""

from dataclasses import dataclass
from typing import Literal, get_args

Format = Literal["gguf"]
Dtype = Literal["f32", "bf16", "q8_0", "q4_0"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportConfig:
    """What `handspun export` writes."""

    format: Format = "gguf"
    """The kind of file: gguf, which llama.cpp, Ollama and LM Studio load."""
    dtype: Dtype = "bf16"
    """How the matrices are stored: f32, bf16, or in groups of 32 with one scale each as q8_0 (8.5 bits) or q4_0 (4.5 bits)."""

    def __post_init__(self) -> None:
        for key, choices in (("format", get_args(Format)), ("dtype", get_args(Dtype))):
            if getattr(self, key) not in choices:
                raise ValueError(f'{key}="{getattr(self, key)}": choose one of {", ".join(choices)}')
