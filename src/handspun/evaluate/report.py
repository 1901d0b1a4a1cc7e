"""What a finished run has to show for itself, as a page of Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from handspun.evaluate.index_report import citation_sentence, example_lines
from handspun.evaluate.page import percent, spoken, table

ARM_NAMES = {
    "closed_book": "closed book",
    "wrong_passage": "with a wrong passage",
    "right_passage": "with the right passage",
    "retrieved": "with what its index finds",
}
KIND_NAMES = {
    "does": "what it does",
    "is": "what it is",
    "module": "which module has it",
    "arguments": "which arguments it takes",
}


def report(
    evaluation: Mapping[str, Any], seconds: Mapping[str, float], machine: str, mixture: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The measured tables and the sample conversations of a run, and what it read where its sources have weights."""
    parts = [
        text_table(evaluation) if "val_bpb" in evaluation else "",
        mixture_table(mixture) if mixture else "",
        answer_table(evaluation) if "exact_match" in evaluation else "",
        citation_sentence(evaluation["citations"]) if "citations" in evaluation else "",
        kind_table(evaluation["by_kind"]) if evaluation.get("by_kind") else "",
        *map(conversation, evaluation.get("transcripts", ())),
        *(spoken(example_lines(example)) for example in evaluation.get("cited", ())),
        time_line(seconds, machine),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def text_table(evaluation: Mapping[str, Any]) -> str:
    """Bits per byte of the model and of the baselines."""
    rows = [
        ("this model", evaluation["val_bpb"]),
        ("`xz -9e`, primed with the training text", evaluation["xz_bpb"]),
        ("n-gram model of bytes, interpolated", evaluation["ngram_bpb"]),
    ]
    return table(("held-out text", "bits per byte"), [(name, f"{bpb:.3f}") for name, bpb in rows])


def mixture_table(mixture: Sequence[Mapping[str, Any]]) -> str:
    """What was read of each source, and how often."""
    rows = [(part["source"], percent(part["share"]), f"{part['tokens']:,}", f"{part['readings']:.2f}") for part in mixture]
    return table(("source", "share", "tokens read", "readings"), rows)


def answer_table(evaluation: Mapping[str, Any]) -> str:
    """Exact match, F1 and abstentions in each arm."""
    head = f"{evaluation['n_questions']:,} questions about objects never asked about in training"
    return table((head, "exact match", "F1", "“I do not know.”"), answer_rows(evaluation))


def answer_rows(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each arm that was measured: its name, exact match, F1, abstentions."""
    shares = [evaluation[share] for share in ("exact_match", "f1", "abstained")]
    return [(name, *(percent(share[arm]) for share in shares)) for arm, name in ARM_NAMES.items() if arm in shares[0]]


def kind_table(by_kind: Sequence[Mapping[str, Any]]) -> str:
    """Exact match with the right passage for each kind of question."""
    rows = [
        (KIND_NAMES.get(row["kind"], str(row["kind"])), f"{row['n']:,}", percent(row["exact_match"]), percent(row["f1"]))
        for row in by_kind
        if row["arm"] == "right_passage"
    ]
    return table(("asked, with the right passage", "questions", "exact match", "F1"), rows)


def conversation(messages: Sequence[Mapping[str, str]]) -> str:
    """A conversation as a block of text."""
    return spoken([(message["role"], message["content"]) for message in messages])


def time_line(seconds: Mapping[str, float], machine: str) -> str:
    """How long each stage took, and where."""
    stages = ", ".join(f"{stage} {taken:.0f} s" for stage, taken in seconds.items())
    return f"{sum(seconds.values()) / 60:.1f} minutes ({stages}) on {machine}."
