"""What curation kept, what it dropped, and why."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from handspun.errors import DamagedFileError
from handspun.files import read_json, write_json

EMPTY, DUPLICATE, NEAR_HELD_OUT, BAD = "empty", "duplicate", "near-duplicate of held-out", "bad"


@dataclass(slots=True)
class SourceTally:
    """Counts of one source: documents on either side, the UTF-8 bytes of their text, and dropped documents by reason."""

    source: str
    n_train: int = 0
    n_val: int = 0
    train_bytes: int = 0
    val_bytes: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str, count: int = 1) -> None:
        """Count dropped documents."""
        self.dropped[reason] = self.dropped.get(reason, 0) + count


@dataclass(frozen=True, slots=True)
class CurationReport:
    """The whole of a curation; `notes` are sentences a user should read."""

    sources: tuple[SourceTally, ...]
    n_conversations: int
    n_questions: int
    notes: tuple[str, ...]
    seconds: float

    @property
    def summary(self) -> str:
        """What was kept and what was not, in a line."""
        n_bytes = sum(tally.train_bytes + tally.val_bytes for tally in self.sources)
        kept = f"{self.n_train:,} documents to train on and {self.n_val:,} held out ({n_bytes / 1e6:,.1f} MB)"
        talk = f", {self.n_conversations:,} conversations" if self.n_conversations else ""
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in dropped_in_all(self.sources).items())
        return f"{kept}{talk}; dropped: {dropped or 'nothing'}"

    @property
    def n_train(self) -> int:
        """Documents to train on."""
        return sum(tally.n_train for tally in self.sources)

    @property
    def n_val(self) -> int:
        """Documents held out."""
        return sum(tally.n_val for tally in self.sources)

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        write_json(path, asdict(self))


def dropped_in_all(tallies: Iterable[SourceTally]) -> dict[str, int]:
    """The dropped documents of all sources by reason."""
    counts: dict[str, int] = {}
    for tally in tallies:
        for reason, count in tally.dropped.items():
            counts[reason] = counts.get(reason, 0) + count
    return counts


def read_report(path: Path) -> CurationReport:
    """Read a report back. Raises DamagedFileError."""
    try:
        return msgspec.convert(read_json(path), CurationReport)
    except msgspec.ValidationError as error:
        raise DamagedFileError(f"{path} is not a curation report ({error}); delete its folder and run again.") from error
