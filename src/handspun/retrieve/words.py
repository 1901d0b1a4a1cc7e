"""The words of a text where they stand, and which of them say something: what texts are compared by."""

import re
from dataclasses import dataclass

from handspun.retrieve.text_query import CHARACTER_SCRIPTS, STOP_WORDS

WORD = re.compile(
    rf"(?<![\w)\]])[-+−]?\d[^\W{CHARACTER_SCRIPTS}]*(?:[.,:]\d+)*|[{CHARACTER_SCRIPTS}]|[^\W{CHARACTER_SCRIPTS}]+|[^\w\s]"
)
"""A number with its sign and all its digits, a character that stands for itself, a run of other letters, or a single mark."""
NEGATIONS = frozenset(("no", "nor", "not"))


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a mark, in the form in which it is compared, and the characters it stands at."""

    form: str
    start: int
    end: int

    @property
    def is_telling(self) -> bool:
        """Whether it says something of its own."""
        return self.is_word and self.form not in STOP_WORDS

    @property
    def is_negation(self) -> bool:
        """Whether without it the opposite is said."""
        return self.form in NEGATIONS

    @property
    def is_word(self) -> bool:
        """Whether it is no mark."""
        return any(map(str.isalnum, self.form))


def words(text: str) -> list[Word]:
    """The words and marks of a text. Texts that differ in white space and in upper and lower case have the same forms."""
    return [Word(match.group().casefold(), *match.span()) for match in WORD.finditer(text)]


def forms(text: str) -> list[str]:
    """The words and marks of a text as they are compared."""
    return [word.form for word in words(text)]
