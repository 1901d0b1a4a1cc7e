"""What the corpus is made of, and how it is cleaned and split."""

from dataclasses import dataclass
from typing import Literal

from handspun.corpus.hub_name import HubName, is_hub_name
from handspun.corpus.weights import whole_weights

LARGEST_VAL_SHARE = 0.5
Profile = Literal["none", "unicode", "uncased"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusConfig:
    """The `[corpus]` table of a recipe."""

    sources: tuple[str, ...] = ("python",)
    """where text comes from: "python" (what this installation documents), files, folders, "hub:OWNER/NAME/CONFIG?...", or
    "reader:PATH" (the passages of a file of questions or facts)"""
    weights: tuple[float, ...] = ()
    """shares in which training draws from the sources, in their order, such as [3, 1]; empty: as much of each as there is"""
    max_bytes: int | None = None
    """text to read of all sources together, divided among them by weight, equally without weights; a hub source needs it"""
    hub_folder: str = "~/.cache/handspun/hub"
    """where text read of the hub is kept, so that every recipe reads it once"""
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
    """what to tune on: "python" (questions by rule), "manners" (hand-written), JSONL files of {"messages": [...]}, or
    "reader:PATH" (exercises in reading, by rule, from a file of questions with passages or of facts)"""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError('sources=(): name at least one, for instance sources = ["python"]')
        self.check_hub()
        self.check_weights()
        if self.normalize not in ("none", "unicode", "uncased"):
            raise ValueError(f'normalize="{self.normalize}" is not a profile: choose none, unicode or uncased')
        if not 0 <= self.val_share <= LARGEST_VAL_SHARE:
            raise ValueError(f"val_share={self.val_share} is out of range: choose a share from 0 to {LARGEST_VAL_SHARE}")
        if not 0 <= self.max_bad_share <= 1:
            raise ValueError(f"max_bad_share={self.max_bad_share} is out of range: choose a share from 0 to 1")

    def check_hub(self) -> None:
        """Raise ValueError for a name that no data set can have, or where nothing says how much to read of one."""
        on_hub = [source for source in self.sources if is_hub_name(source)]
        for source in on_hub:
            try:
                HubName.parse(source)
            except ValueError as error:
                raise ValueError(f"sources: {error}") from error
        if self.max_bytes is not None and self.max_bytes < len(self.sources):
            raise ValueError(f"max_bytes={self.max_bytes}: less than a byte for each source; choose more, or leave it out")
        if on_hub and self.max_bytes is None:
            raise ValueError(f'max_bytes is missing: say how much to read of "{on_hub[0]}", such as max_bytes = 10_000_000_000')

    def check_weights(self) -> None:
        """Raise ValueError for weights that are not one share per source."""
        if not self.weights:
            return
        if len(self.weights) != len(self.sources) or len(set(self.sources)) < len(self.sources):
            raise ValueError(
                f"weights={list(self.weights)}: one for each of the {len(set(self.sources))} different sources is needed"
            )
        whole_weights(self.weights)

    @property
    def text_names(self) -> list[str]:
        """What the sets of training tokens are called: one for each source where they have weights, else one for all."""
        return [f"train-{place}" for place in range(len(self.sources))] if self.weights else ["train"]

    @property
    def parts(self) -> tuple[int, ...]:
        """The weights as whole numbers; without weights all sources together are the one part there is."""
        return whole_weights(self.weights) if self.weights else (1,)

    def byte_limit(self, source: str) -> int | None:
        """Text to read of one source at most."""
        if self.max_bytes is None:
            return None
        weights = dict(zip(self.sources, self.weights)) if self.weights else dict.fromkeys(self.sources, 1.0)
        return max(1, int(self.max_bytes * weights[source] / sum(weights.values())))
