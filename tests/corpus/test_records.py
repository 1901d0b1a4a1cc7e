from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handspun.corpus.document import Conversation, Document, Message, Question
from handspun.corpus.records import read_conversations, read_documents, read_questions, write_records
from handspun.errors import DamagedFileError

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
DOCUMENTS = st.builds(
    Document, text=WORDS, id=WORDS, source=WORDS, metadata=st.dictionaries(WORDS, st.none() | WORDS | st.booleans())
)


@given(st.lists(DOCUMENTS, max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(tmp_path: Path, documents: list[Document]) -> None:
    assert write_records(tmp_path / "d.jsonl", documents) == len(documents)
    assert list(read_documents(tmp_path / "d.jsonl")) == documents


def test_conversations_and_questions_are_read_back(tmp_path: Path) -> None:
    conversation = Conversation((Message("passage", "p"), Message("user", "u")), "id", "source", {"kind": "does"})
    question = Question("q", "object", "does", "What?", "That.", "passage", "wrong")
    write_records(tmp_path / "c.jsonl", [conversation])
    write_records(tmp_path / "q.jsonl", [question])
    assert list(read_conversations(tmp_path / "c.jsonl")) == [conversation]
    assert list(read_questions(tmp_path / "q.jsonl")) == [question]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    write_records(path, [Document("text", "id", "source")] * 2)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DamagedFileError, match=r"d\.jsonl is damaged at line 2"):
        list(read_documents(path))
