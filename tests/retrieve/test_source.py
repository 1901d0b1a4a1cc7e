"""How what a chunk is out of is called."""

import pytest

from handspun.retrieve.source import document_id, file_of, source_of


@pytest.mark.parametrize(
    ("path", "id", "called"),
    [
        ("notes/C#.md", None, "notes/C#.md"),
        ("docs.jsonl", "Normans#0", "Normans#0"),
        ("sets/Docs.JSONL.zst", "r 1", "r 1"),
        ("a#b.jsonl", "of x.jsonl#2", "of x.jsonl#2"),
        ("list.jsonl.md", None, "list.jsonl.md"),
    ],
)
def test_a_record_is_called_by_its_id_and_a_file_by_its_path(path: str, id: str | None, called: str) -> None:
    source = source_of(path, id)
    assert document_id(source) == called
    assert file_of(source) == path
