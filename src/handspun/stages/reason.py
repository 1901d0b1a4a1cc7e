"""Why a stage is done again although it was finished, in one line: what has changed, and where its old result is."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from handspun.settings import toml_text

MOST_NAMED = 4
"""Changes that are named; the others are counted."""


def reason(record: Mapping[str, Any], made_of: Mapping[str, Any]) -> str:
    """What has changed since a stage was done: keys with both values, the names of inputs, rooms of our own code."""
    before = record.get("made_of") or {}
    changes = [
        *changed_settings(before.get("settings", {}), made_of["settings"]),
        *(f"another {name}" for name in changed_names(before.get("inputs", {}), made_of["inputs"])),
    ]
    if rooms := changed_names(before.get("code", {}), made_of["code"]):
        changes.append(f"other code of handspun ({', '.join(rooms)})")
    if not before or not changes:
        return "settings, inputs or code have changed"
    n_more = len(changes) - MOST_NAMED
    return ", ".join([*changes[:MOST_NAMED], *([f"and {n_more} more"] if n_more > 0 else [])])


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """ "train.lr 0.003 → 0.002" of each key whose value is another one; a key that is off has none."""
    for key in dict.fromkeys([*now, *before]):
        if before.get(key) != now.get(key):
            old, new = ("off" if value is None else toml_text(value) for value in (before.get(key), now.get(key)))
            yield f"{key} {old} → {new}"


def changed_names(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names whose hash is another one, came, or went."""
    return [name for name in dict.fromkeys([*now, *before]) if before.get(name) != now.get(name)]


def whereabouts(moved: Sequence[Path]) -> str:
    """Where the old results are, as the end of a sentence."""
    if not moved:
        return ""
    if len(moved) == 1:
        return f"; its old result is in {moved[0]}"
    names = ", ".join(folder.name for folder in moved)
    return f"; its old result, and what was made of it, is in {moved[0].parent} ({names})"
