"""How text is generated, as a recipe gives it."""

from dataclasses import dataclass
from typing import Literal

EngineName = Literal["torch", "llamacpp"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateConfig:
    """Sampling. Every limit is off when its key is absent; without a temperature the likeliest token is taken."""

    engine: EngineName = "torch"
    """What computes: torch, every model; llamacpp, the file that `handspun export` wrote (extra llamacpp)."""
    max_new_tokens: int = 256
    """Longest reply in tokens; it also ends where the model's context is full."""
    temperature: float | None = None
    """Divides the log-probabilities before sampling. Absent: greedy."""
    top_k: int | None = None
    """Sample among the k likeliest tokens only."""
    top_p: float | None = None
    """Sample among the fewest likeliest tokens whose probabilities reach this sum (nucleus sampling, Holtzman 2020)."""
    min_p: float | None = None
    """Sample among tokens at least this share as likely as the likeliest (Nguyen 2024)."""
    repetition_penalty: float = 1.0
    """Divides the logits of tokens already in the context where positive, multiplies them where negative (Keskar 2019)."""
    repetition_window: int | None = None
    """Tokens at the end of the context in which a repetition counts. Absent: all."""
    seed: int = 0
    """Fixes the samples: the same seed, prompt and settings give the same reply."""
    stop: tuple[str, ...] = ()
    """Texts that end a reply; they are not part of it."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens={self.max_new_tokens}: must be at least 1")
        if self.temperature is not None and not self.temperature > 0:
            raise ValueError(f"temperature={self.temperature}: must be above 0; leave it out for the likeliest token")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k={self.top_k}: must be at least 1, or leave it out")
        for key in ("top_p", "min_p"):
            value = getattr(self, key)
            if value is not None and not 0 < value <= 1:
                raise ValueError(f"{key}={value}: must be above 0 and at most 1, or leave it out")
        if not self.repetition_penalty > 0:
            raise ValueError(f"repetition_penalty={self.repetition_penalty}: must be above 0; 1 changes nothing")
        if self.repetition_window is not None and self.repetition_window < 1:
            raise ValueError(f"repetition_window={self.repetition_window}: must be at least 1, or leave it out")
        if "" in self.stop:
            raise ValueError('stop=[""]: an empty text would end every reply before it begins')
