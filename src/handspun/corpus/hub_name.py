"""How a recipe names a data set of the Hugging Face hub: hub:OWNER/NAME/CONFIG?split=train&text=text&revision=main."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PREFIX = "hub:"
GRAMMAR = "hub:OWNER/NAME, then /CONFIG and ?split=...&text=...&revision=... where they are needed"
PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
OPTIONS = ("split", "text", "revision")


@dataclass(frozen=True, kw_only=True, slots=True)
class HubName:
    """A data set, which part of it, and the column that holds the text."""

    repository: str
    config: str | None = None
    split: str = "train"
    text: str = "text"
    revision: str | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """What `name` names. Raises ValueError."""
        path, _, query = name.removeprefix(PREFIX).partition("?")
        parts = path.split("/")
        if not 2 <= len(parts) <= 3 or not all(map(PART.fullmatch, parts)):
            raise ValueError(f'"{name}" names no data set of the hub; write {GRAMMAR}')
        options = dict(_option(name, option) for option in query.split("&")) if query else {}
        return cls(repository="/".join(parts[:2]), config=parts[2] if len(parts) == 3 else None, **options)

    @property
    def folder(self) -> Path:
        """A folder of its own for everything that decides which text is read."""
        config = self.config or "default"
        return Path(self.repository) / config / self.split / (self.text + (f"@{self.revision}" if self.revision else ""))


def is_hub_name(source: str) -> bool:
    """Whether a source of a recipe lies on the hub."""
    return source.startswith(PREFIX)


def _option(name: str, option: str) -> tuple[str, str]:
    key, _, value = option.partition("=")
    if key not in OPTIONS:
        near = difflib.get_close_matches(key, OPTIONS, n=1, cutoff=0)[0]
        raise ValueError(f'"{name}" asks for {key or "nothing"}, which a data set has not; did you mean {near}=?')
    if not PART.fullmatch(value):
        raise ValueError(f'"{name}" has no {key} "{value}"; write {GRAMMAR}')
    return key, value
