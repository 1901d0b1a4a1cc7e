"""Where records that cannot be read are put: a file of their places and reasons, and their number."""

import json
from pathlib import Path
from typing import IO


class Quarantine:
    """Counts good and bad records; a bad one is written as a line {"path", "line", "reason"} of bad_lines.jsonl."""

    def __init__(self, file: IO[bytes]) -> None:
        self.n_good = self.n_bad = 0
        self.bad_by_source: dict[str, int] = {}
        self.first = ""
        self._file = file

    def add(self, source: str, path: Path, line: int, reason: str) -> None:
        """Put away the record at `line` (from 1; 0 is the whole file) of `path`, which `source` led to."""
        self.n_bad += 1
        self.bad_by_source[source] = self.bad_by_source.get(source, 0) + 1
        self.first = self.first or f"{path}:{line}: {reason}"
        entry = {"path": str(path), "line": line, "reason": reason}
        self._file.write((json.dumps(entry, ensure_ascii=True) + "\n").encode())

    @property
    def bad_share(self) -> float:
        """The share of bad records among all."""
        return self.n_bad / max(1, self.n_bad + self.n_good)
