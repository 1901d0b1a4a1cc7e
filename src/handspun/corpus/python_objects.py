"""What one piece of Python's documentation is, and what it reads like."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["topic", "module", "class", "function", "method", "property", "comment"]

MAX_SIGNATURE_CHARS = 160
PASSAGE_CHARS = 500
SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!etc)(?<!\bvs)(?<!cf)[.!?][\"')\]`]*(?=\s+[^\sa-z]|\s*$)")


@dataclass(frozen=True, slots=True)
class PythonObject:
    """Something Python documents. `id` is its qualified name, `name` the part after the module, `doc` the cleaned docstring."""

    id: str
    module: str
    name: str
    kind: Kind
    arguments: str | None
    doc: str

    @property
    def heading(self) -> str:
        """The kind and the qualified name with its arguments, on one line.

        With a word before it the name becomes the same tokens as in a question, where a word stands before it too.
        """
        if self.arguments is None:
            return f"{self.kind} {self.id}"
        arguments = self.arguments if len(self.arguments) <= MAX_SIGNATURE_CHARS else "..."
        return f"{self.kind} {self.id}({arguments})"

    @property
    def text(self) -> str:
        """What a reader of the documentation sees: heading, then docstring, in its own layout."""
        return self.doc if self.kind in ("topic", "comment") else f"{self.heading}\n{self.doc}"

    @property
    def first_sentence(self) -> str:
        """The first sentence of the docstring, on one line."""
        paragraph = folded(self.doc.split("\n\n", 1)[0])
        end = SENTENCE_END.search(paragraph)
        return paragraph[: end.end()] if end else paragraph

    @property
    def passage(self) -> str:
        """What a model is given to read: heading, line break, then the start of the docstring, unwrapped."""
        return f"{self.heading}\n{cut_at_sentence(folded(self.doc), PASSAGE_CHARS)}"


def folded(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def cut_at_sentence(text: str, max_chars: int) -> str:
    """The longest run of whole sentences within `max_chars`; where not even one fits, whole words."""
    if len(text) <= max_chars:
        return text
    ends = [match.end() for match in SENTENCE_END.finditer(text, 0, max_chars + 2) if match.end() <= max_chars]
    return text[: ends[-1]] if ends else text[:max_chars].rsplit(" ", 1)[0]
