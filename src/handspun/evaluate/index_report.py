"""What an index has to show for itself: shares and examples as they are kept, and as they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from handspun.corpus.split import stable_fraction
from handspun.evaluate.cited_answers import CitationScore, CitedAnswer
from handspun.evaluate.page import percent, spoken, table
from handspun.retrieve.citation import Citation

INDEX_ARM_NAMES = {"closed_book": "no passage", "wrong_passage": "wrong passages", "retrieved": "retrieved passages"}
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


def index_report(facts: Mapping[str, Any]) -> str:
    """The evaluation of an index as a page of Markdown."""
    parts = [f"# What the index {facts['index']} is worth to {facts['run']}", *verdicts(facts)]
    if facts.get("retrieval"):
        parts.append(table(*retrieval_table(facts["retrieval"])))
    if facts.get("answers"):
        parts += [table(*answer_table(facts["answers"])), citation_sentence(facts["answers"]["citations"])]
    if facts.get("text"):
        parts.append(table(*text_table(facts["text"])))
    parts += [spoken(example_lines(example)) for example in (facts.get("answers") or {}).get("cited", ())]
    return "\n\n".join(parts) + "\n"


def verdicts(facts: Mapping[str, Any]) -> list[str]:
    """Whether retrieval is helping, in a sentence for each measure."""
    found = [facts[room]["helps"] for room in ("answers", "text") if facts.get(room)]
    counted = (facts.get("text") or {}).get("counted")
    return [*found, *([counted["helps"]] if counted else [])]


Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Columns and rows"""


def retrieval_table(retrieval: Mapping[str, Any]) -> Table:
    """How well it finds."""
    head = f"{retrieval['queries']:,} queries, judged by {retrieval['judged_by']}"
    names = {"ndcg_at_10": "nDCG@10", "recall_at_10": "recall@10", "recall_at_100": "recall@100", "mrr": "MRR"}
    return (head, *names.values()), [("", *(f"{retrieval[name]:.3f}" for name in names))]


def answer_table(answers: Mapping[str, Any]) -> Table:
    """Exact match, F1 and abstentions in the three arms."""
    shares = [answers[share] for share in ("exact_match", "f1", "abstained")]
    rows = [(name, *(percent(share[arm]) for share in shares)) for arm, name in INDEX_ARM_NAMES.items()]
    n_asked = answers["n_questions"]
    head = f"{n_asked:,} question{'' if n_asked == 1 else 's'}"
    return (head, "exact match", "F1", "“I do not know.”"), rows


def text_table(text: Mapping[str, Any]) -> Table:
    """Bits per byte in the three arms, of the model and of one that only counts."""
    measured = [text, *([text["counted"]] if "counted" in text else [])]
    columns = ("held-out text, bits per byte", "this model", *(["n-gram model of bytes"] if "counted" in text else []))
    return columns, [(name, *(f"{one['bpb'][arm]:.3f}" for one in measured)) for arm, name in INDEX_ARM_NAMES.items()]
