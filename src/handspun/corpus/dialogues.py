"""Reads conversations from JSONL files of {"messages": [{"role", "content"}, ...]}."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handspun.corpus.document import Conversation, Message
from handspun.corpus.json_lines import json_lines
from handspun.corpus.quarantine import Quarantine
from handspun.errors import CorpusError


@dataclass(frozen=True, slots=True)
class _Record:
    messages: tuple[Message, ...]
    id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def read_dialogues(name: str, quarantine: Quarantine) -> Iterator[Conversation]:
    """The conversations of a file, as `corpus.conversations` names it; what is none goes to the quarantine.

    Raises CorpusError where there is no such file.
    """
    path = Path(name).expanduser()
    if not path.is_file() or not path.name.lower().endswith((".jsonl", ".jsonl.zst")):
        place = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise CorpusError(
            f'corpus.conversations names "{name}", which is no JSONL file{place}: name one, or "python", "manners" or '
            f'"reader:PATH".'
        )

    def on_bad(path: Path, line: int, reason: str) -> None:
        quarantine.add(name, path, line, reason)

    for number, record in json_lines(path, lambda _: None, on_bad, _Record):
        if not any(message.role == "assistant" for message in record.messages):
            on_bad(path, number, "no message of the assistant")
        else:
            quarantine.n_good += 1
            yield Conversation(record.messages, record.id or f"{path.name}:{number}", name, record.metadata)
