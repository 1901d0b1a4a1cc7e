"""metrics.jsonl: what a training run measured, one JSON object per line, in the order of its steps."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handspun.errors import DamagedFileError
from handspun.files import disk_errors, write_bytes


@dataclass(frozen=True, slots=True)
class Metrics:
    """The records of one run. A line torn by a crash counts as not written; anything else that is no JSON is damage."""

    path: Path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record and hand it to the system at once. Numbers that are not finite become null. Raises DiskFullError."""
        line = json.dumps({key: finite_or_none(value) for key, value in record.items()}) + "\n"
        with disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def read(self) -> Iterator[dict[str, Any]]:
        """Every record, oldest first. Raises DamagedFileError naming the line that cannot be read."""
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith("\n"):
                    return
                yield self.parsed(line, number)

    def parsed(self, line: str, number: int) -> dict[str, Any]:
        """One line as its record. Raises DamagedFileError."""
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise DamagedFileError(f"{self.path}:{number} is damaged: it is no JSON object; delete this line and run again.")
        return record

    def truncate_after(self, step: int) -> None:
        """Forget what a run that resumes after `step` writes anew: later steps, and what was measured on this one's model."""

        def is_kept(record: Mapping[str, Any]) -> bool:
            return record.get("step", 0) < step or (record.get("step") == step and "train_loss" in record)

        if self.path.is_file():
            kept = [json.dumps(record) + "\n" for record in self.read() if is_kept(record)]
            write_bytes(self.path, "".join(kept).encode())

    def newest(self, key: str) -> Any | None:
        """The last value recorded under `key`; None where there is none."""
        return next((record[key] for record in reversed(list(self.read())) if record.get(key) is not None), None)


def finite_or_none(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
