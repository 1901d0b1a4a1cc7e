from pathlib import Path
from typing import Any

import pytest
import zstandard

from handspun.corpus import json_lines as module
from handspun.corpus.json_lines import json_lines

Bad = list[tuple[int, str]]


def read(path: Path) -> tuple[list[tuple[int, Any]], Bad, int]:
    bad: Bad = []
    sizes: list[int] = []
    values = list(json_lines(path, sizes.append, lambda _, line, reason: bad.append((line, reason))))
    return values, bad, sum(sizes)


def test_good_lines_are_read_and_bad_ones_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \n"\xff"\n' + b"[" * 100_000 + b'\n"\\ud800"\n{"a": NaN}\n{"b": 2}')
    values, bad, n_bytes = read(path)
    assert values == [(1, {"a": 1}), (8, {"b": 2})]
    assert [line for line, _ in bad] == [3, 4, 5, 6, 7]
    assert bad[1][1] == "not UTF-8"
    assert n_bytes == path.stat().st_size


def test_a_line_above_the_limit_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 100)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n" + b'"' + b"x" * 1000 + b'"\n2\n' + b'"' + b"y" * 96 + b'"\n3\n' + b"z" * 250)
    values, bad, _ = read(path)
    assert values == [(1, 1), (3, 2), (4, "y" * 96), (5, 3)]
    assert [line for line, _ in bad] == [2, 6]


def test_zstd_lines_are_read_over_several_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.compress(b"1\n2\n") + zstandard.compress(b"3\n"))
    values, bad, n_bytes = read(path)
    assert ([value for _, value in values], bad, n_bytes) == ([1, 2, 3], [], path.stat().st_size)


@pytest.mark.parametrize("damage", ["cut", "flipped", "not zstd"])
def test_a_damaged_zstd_file_is_quarantined_from_there_on(tmp_path: Path, damage: str) -> None:
    whole = zstandard.compress("".join(f'"{number * 7919}"\n' for number in range(100_000)).encode())
    damaged = {"cut": whole[: len(whole) // 2], "flipped": whole[:-5000] + b"\0" * 5000, "not zstd": b"1\n2\n"}[damage]
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(damaged)
    values, bad, _ = read(path)
    assert len(values) < 100_000
    assert len(bad) == 1
