"""The words of a text that say something, for the full-text index, and a question as an expression over them.

Stop words are left out of the index as well as of the question: they count for nothing, and without them a long text is one
that says much. A word that a question repeats counts as often as it is said (dev/LOG.md has what each of these is worth).
"""

import re
from collections.abc import Sequence
from itertools import pairwise

MAX_WORDS = 64
"""words of a question that are looked for"""
CHARACTER_SCRIPTS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Japanese and Chinese, where no space ends a word: each character counts as one"""
WORD = re.compile(rf"[{CHARACTER_SCRIPTS}]|[^\W_{CHARACTER_SCRIPTS}]+")
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being both but by can could did do does doing
    during each few for from further had has have having he her here hers him his how i if in into is it its itself just me more
    most my no nor not now of off on once only or other our ours out over own same she should so some such than that the their
    theirs them then there these they this those through to too under until up very was we were what when where which while
    who whom whose why will with would you your yours s t d ll m re ve""".split()  # noqa: SIM905
)
"""What is in the index depends on it: another list is another `schema.FORMAT`."""
STOP_FORMS = STOP_WORDS | {word.capitalize() for word in STOP_WORDS}
"""how they are written within and at the beginning of a sentence"""


def telling_words(text: str) -> list[str]:
    """The words without stop words; one in capitals (WHO, IT) is a name."""
    return [word for word in WORD.findall(text) if word not in STOP_FORMS]


def telling(text: str) -> str:
    """The telling words of a text, as they go into the index."""
    return " ".join(telling_words(text))


def words_of(query: str) -> list[str]:
    """The words of a query that are looked for, each as often as it is said."""
    return telling_words(query)[:MAX_WORDS]


def pairs_of(query: str) -> list[str]:
    """Words that stand side by side in it, each pair once."""
    return list(dict.fromkeys(" ".join(pair) for pair in pairwise(word.lower() for word in words_of(query))))


def any_of(phrases: Sequence[str]) -> str:
    """The FTS5 expression of texts with any of these phrases; quoted, so no operator of FTS5 survives."""
    return " OR ".join(f'"{phrase}"' for phrase in phrases)
