"""What the corpus is made of, and how it is cleaned and split."""

from dataclasses import dataclass
from typing import Literal

Profile = Literal["none", "unicode", "uncased"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusConfig:
    """The `[corpus]` table of a recipe."""

    sources: tuple[str, ...] = ("python",)
    """where text comes from: "python" (the documentation in this Python installation), or paths of files and folders"""
    normalize: Profile = "unicode"
    """none; unicode (NFC, mojibake repaired); or uncased (unicode, lower case, ASCII quotes, no symbols)"""
    keep_emoji: bool = True
    """whether the uncased profile keeps emoji"""
    dedup: bool = True
    """whether a document that says exactly what an earlier one said is dropped"""
    val_share: float = 0.02
    """share of the documents held out for validation, chosen by a hash of their content"""
    max_bad_share: float = 0.01
    """share of the records that may be unreadable (they go to bad_lines.jsonl) before curation stops"""
    conversations: tuple[str, ...] = ()
    """what to tune on: "python" (questions by rule), "manners" (hand-written), or JSONL files of {"messages": [...]}"""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError('sources=(): name at least one, for instance sources = ["python"]')
        if self.normalize not in ("none", "unicode", "uncased"):
            raise ValueError(f'normalize="{self.normalize}" is not a profile: choose none, unicode or uncased')
        if not 0 <= self.val_share <= 0.5:
            raise ValueError(f"val_share={self.val_share} is out of range: choose a share from 0 to 0.5")
        if not 0 <= self.max_bad_share <= 1:
            raise ValueError(f"max_bad_share={self.max_bad_share} is out of range: choose a share from 0 to 1")
