"""Facts by subject and field, as passages of a few lines and a question about every line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from handspun.corpus.reading import Ask, Passage, Reading, grouped

FACTS_PER_PASSAGE = 3
LINE = "The {field} of {subject}: {value}"
"""Every line names its subject. Field and subject stand behind spaces, as they do in a question, so that their tokens agree."""
PHRASINGS = (
    "What is the {field} of {subject}?",
    "Tell me the {field} of {subject}.",
    "Give the {field} of {subject}.",
    "Do you know the {field} of {subject}?",
    "Which is the {field} of {subject}?",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """That the `field` of a subject is `value`."""

    subject: str
    field: str
    value: str
    section: str = ""
    """what it stands under; a passage never holds facts of two sections"""


def nested_facts(subject: str, tree: dict[str, Any]) -> Iterator[Fact]:
    """A fact for every leaf of nested objects: its path is the field, and its first part, where there are more, the section."""
    for path, value in _leaves(tree, ()):
        section = path[0] if len(path) > 1 else ""
        yield Fact(subject, ", ".join(path[1:] or path), value, section)


def _leaves(tree: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key.strip()))
        elif isinstance(value, str | int | float) and str(value).strip():
            yield (*path, key.strip()), str(value)


def reading_of_facts(facts: Iterable[Fact]) -> Reading:
    """A passage for every few facts of a section; each fact is asked for, and told only once."""
    first = {(fact.subject, fact.field): fact for fact in reversed(list(facts))}
    sections = grouped((f"{fact.subject}\0{fact.section}", fact) for fact in reversed(first.values()))
    passages, asks = [], []
    for members in sections.values():
        for part, few in enumerate(evenly(members, FACTS_PER_PASSAGE)):
            passage = passage_of(few, f"{few[0].subject}/{few[0].section}/{part}")
            passages.append(passage)
            asks += [ask_of(fact, passage) for fact in few]
    return Reading(tuple(passages), tuple(asks))


def evenly(items: Sequence[Fact], most: int) -> Iterator[Sequence[Fact]]:
    """As few stretches as hold at most `most` each, of about equal lengths."""
    n_parts = -(-len(items) // most)
    for part in range(n_parts):
        yield items[part * len(items) // n_parts : (part + 1) * len(items) // n_parts]


def passage_of(facts: Sequence[Fact], id: str) -> Passage:
    """A line for each fact."""
    lines = (LINE.format(field=fact.field, subject=fact.subject, value=fact.value) for fact in facts)
    return Passage("\n".join(lines), facts[0].subject, id)


def ask_of(fact: Fact, passage: Passage) -> Ask:
    """The question for a fact."""
    phrasings = tuple(phrasing.format(field=fact.field, subject=fact.subject) for phrasing in PHRASINGS)
    return Ask(phrasings, fact.value, passage, f"{fact.subject}/{fact.field}", kind=fact.field)
