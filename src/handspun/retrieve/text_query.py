"""A question as SQLite's full-text search takes it: the words that say something, each quoted, any of them."""

import re

MAX_WORDS = 64
"""words of a query that are looked for"""
WORD = re.compile(r"[^\W_]+")
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being both but by can could did do does doing
    during each few for from further had has have having he her here hers him his how i if in into is it its itself just me more
    most my no nor not now of off on once only or other our ours out over own same she should so some such than that the their
    theirs them then there these they this those through to too under until up very was we were what when where which while
    who whom whose why will with would you your yours s t d ll m re ve""".split()  # noqa: SIM905
)


def match_expression(query: str) -> str:
    """The FTS5 expression of any text; empty where it has no word at all. No operator of FTS5 survives.

    A word that is said twice counts twice: nDCG@10 of CISI's long questions .409 instead of .344.
    """
    words = [word.lower() for word in WORD.findall(query)]
    telling = [word for word in words if word not in STOP_WORDS] or words
    return " OR ".join(f'"{word}"' for word in telling[:MAX_WORDS])
