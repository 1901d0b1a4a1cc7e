"""How much an engine takes on at once."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of an engine. What does not fit waits; what may not wait any more is refused."""

    max_rows: int = 16
    """Requests that are answered side by side."""
    chunk_tokens: int = 256
    """Tokens of new prompts that one step reads, beside one of each reply on its way: the most that these are held up."""
    cache_tokens: int | None = None
    """Tokens whose keys and values are remembered. Absent: as many whole contexts as there are rows. It grows with need."""
    max_waiting: int = 512
    """Requests that may wait for a row."""

    def __post_init__(self) -> None:
        if self.max_rows < 1:
            raise ValueError(f"max_rows={self.max_rows}: must be at least 1")
        if self.chunk_tokens < 1:
            raise ValueError(f"chunk_tokens={self.chunk_tokens}: must be at least 1")
        if self.cache_tokens is not None and self.cache_tokens < 2:
            raise ValueError(f"cache_tokens={self.cache_tokens}: must be at least 2, a prompt and a reply, or leave it out")
        if self.max_waiting < 1:
            raise ValueError(f"max_waiting={self.max_waiting}: must be at least 1, because every request waits first")
