import sys

import pytest

from handspun.corpus.python_topics import PAGE_CHARS, topic_objects


def test_topics_are_cut_into_pages_without_underlines() -> None:
    pages = list(topic_objects())
    assert len(pages) > 100
    assert not any("\n****" in page.doc or not page.doc.strip() for page in pages)
    assert sorted(len(page.doc) for page in pages)[len(pages) // 2] < 2 * PAGE_CHARS
    assert len({page.id for page in pages}) == len(pages)


def test_an_installation_without_topics_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert list(topic_objects()) == []
