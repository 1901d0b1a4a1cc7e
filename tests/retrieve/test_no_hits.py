"""Where nothing is found, the reason is said."""

import pytest
from small_index import TEXTS, chunks_of, document_of, file_of

from handspun.retrieve.no_hits import cause
from handspun.retrieve.sqlite_store import SqliteStore
from handspun.retrieve.store import Filters


@pytest.mark.parametrize(
    ("query", "filters", "reason"),
    [
        ("parliament", None, "no chunk has a word of it."),
        ("parliament", {"lang": "de"}, "no chunk that passes the filters has a word of it."),
        ("fox", {"year": 1999}, "no document has year=1999."),
        ("fox", {"lang": "de", "year": 2020}, "no document has lang=de and year=2020 at once."),
        ("fox", {"color": 1}, "no document says color; filters may ask for source, is_draft, lang, tags, year."),
        ("fox", {"source": "*.pdf"}, "no document has source=*.pdf."),
        ("who is it?", None, "it has only stop words, which are passed over; add a word that says what it is about."),
        ("🎉 ?!", None, "it has no word: only letters and digits are looked for, no other signs."),
    ],
)
def test_the_reason_names_the_filter_or_the_words(query: str, filters: Filters | None, reason: str) -> None:
    store = SqliteStore(":memory:")
    for source in TEXTS:
        store.replace(file_of(source), [document_of(source)], chunks_of(source))
    assert cause(store, query, filters) == reason
    store.close()
