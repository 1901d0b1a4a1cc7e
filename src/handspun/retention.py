"""Which checkpoints stay: the newest, the best, and every so many steps one."""

from dataclasses import dataclass, field
from pathlib import Path

from handspun.checkpoint import all_checkpoints, damage_of, discard
from handspun.files import read_json, write_json

BEST = "best.json"


@dataclass
class Retention:
    """Lets go of the checkpoints that nobody has asked to keep."""

    checkpoints: Path
    newest: int
    """How many of the newest stay; a damaged one counts for nothing."""
    best: bool = False
    """Whether the one with the lowest val_bpb stays."""
    every: int | None = None
    """Multiples of this step stay."""
    whole: set[Path] = field(default_factory=set)
    """Those that were read back once and found as they were written."""

    def apply(self) -> None:
        """Delete what is neither among the newest whole ones nor to be kept for another reason."""
        n_whole, best_step = 0, self.best_step if self.best else None
        for checkpoint in reversed(all_checkpoints(self.checkpoints)):
            is_kept = checkpoint.step == best_step or (self.every is not None and checkpoint.step % self.every == 0)
            if n_whole < self.newest:
                n_whole += self.is_whole(checkpoint.folder)
            elif not is_kept:
                discard(checkpoint.folder)

    def is_whole(self, folder: Path) -> bool:
        """Whether a checkpoint is as it was written. Each is read once: hashing 60 GB takes a minute."""
        if folder not in self.whole and damage_of(folder) is None:
            self.whole.add(folder)
        return folder in self.whole

    def note(self, step: int, val_bpb: float) -> None:
        """Remember the step that was measured to be the best so far, if it was saved."""
        path = self.checkpoints / BEST
        is_saved = any(checkpoint.step == step for checkpoint in all_checkpoints(self.checkpoints))
        if is_saved and (not path.is_file() or val_bpb < read_json(path)["val_bpb"]):
            write_json(path, {"step": step, "val_bpb": val_bpb})

    @property
    def best_step(self) -> int | None:
        """The step with the lowest val_bpb of those that were saved; None before the first measurement."""
        path = self.checkpoints / BEST
        return read_json(path)["step"] if path.is_file() else None
