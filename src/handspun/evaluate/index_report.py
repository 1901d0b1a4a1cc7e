"""What an index has to show for itself: shares and examples as they are kept, and as they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from handspun.corpus.split import stable_fraction
from handspun.evaluate.cited_answers import CitationScore, CitedAnswer
from handspun.retrieve.citation import Citation

N_EXAMPLES = 3
CITED_KEYS = ("source", "start", "end", "quote", "verified")


def shares_of(score: CitationScore) -> dict[str, float | None]:
    """Citations and abstentions, as they are kept."""
    return {name: None if value is None else round(value, 4) for name, value in asdict(score).items()}


def examples(answers: Sequence[CitedAnswer]) -> list[dict[str, Any]]:
    """A few questions with what was said and cited, chosen by a hash, right or wrong."""
    chosen = sorted(answers, key=lambda item: stable_fraction(f"example:{item.question.id}"))[:N_EXAMPLES]
    return [
        {
            "question": item.question.question,
            "answer": item.answer.text,
            "supported": item.answer.supported,
            "citations": [cited(citation) for citation in item.answer.citations],
        }
        for item in chosen
    ]


def cited(citation: Citation) -> dict[str, Any]:
    """A citation as scripts get it."""
    return {key: getattr(citation, key) for key in CITED_KEYS}


def example_lines(example: Mapping[str, Any]) -> list[tuple[str, str]]:
    """An example as lines of who speaks and what is said; citations are numbered."""
    numbered = [
        (f"[{number}]", f"{one['source']}, characters {one['start']:,} to {one['end']:,}: “{one['quote']}”")
        for number, one in enumerate(example["citations"], start=1)
    ]
    marks = "".join(f" {mark}" for mark, _ in numbered) or " (nothing is cited)"
    return [("user", example["question"]), ("assistant", f"{example['answer']}{marks}"), *numbered]


def citation_sentence(shares: Mapping[str, float | None]) -> str:
    """How far citations can be trusted."""
    precision = shares["precision"]
    if precision is None:
        return "Through the index nothing was cited."
    return (
        f"Through the index {100 * precision:.1f} % of the citations point to what answers the question, and "
        f"{100 * (shares['supported'] or 0):.1f} % of the answers are cited whole."
    )
