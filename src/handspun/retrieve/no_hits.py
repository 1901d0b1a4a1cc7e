"""Why a search found nothing, in a sentence."""

from typing import Any

from handspun.retrieve.store import Filters, Store
from handspun.retrieve.text_query import WORD, words_of

MOST_NAMED = 20
"""fields that may be asked for and are named"""


def cause(store: Store, query: str, filters: Filters | None = None) -> str:
    """What a query without a hit failed at: its filters, or its words."""
    if filters and not store.n_passing(filters):
        return without_match(store, filters)
    if not WORD.search(query):
        return "it has no word: only letters and digits are looked for, no other signs."
    if not words_of(query):
        return "it has only stop words, which are passed over; add a word that says what it is about."
    return f"no chunk {'that passes the filters ' if filters else ''}has a word of it."


def without_match(store: Store, filters: Filters) -> str:
    """Which of the filters lets nothing pass, and what may be asked for instead."""
    known = ["source", *store.fields()]
    more = ", …" if len(known) > MOST_NAMED else ""
    for name in filters:
        if name not in known:
            return f"no document says {name}; filters may ask for {', '.join(known[:MOST_NAMED])}{more}."
    empty = [text_of(*one) for one in filters.items() if not store.n_passing(dict([one]))]
    if empty:
        return f"no document has {' or '.join(empty)}."
    return f"no document has {' and '.join(text_of(*one) for one in filters.items())} at once."


def text_of(name: str, value: Any) -> str:
    """A filter as it is written."""
    return f"{name}={value}"
