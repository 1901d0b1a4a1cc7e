"""How an answer out of an index is shown: to people in lines, to scripts as an object."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from handspun.cli import terminal
from handspun.cli.hit_text import folded, hit_json, place_of

if TYPE_CHECKING:
    from handspun.retrieve.answer import Answer
    from handspun.retrieve.passages import Sent

EXCERPT_CHARACTERS = 120
"""of a chunk are shown where it is only named"""


def show_answer(answer: "Answer", question: str | None) -> None:
    """An answer below its question, if that is named, and what it stands on."""
    if question is not None:
        terminal.styled([[(question, "bold")]])
    terminal.write_line(answer.text)
    show_grounds(answer)


def show_grounds(answer: "Answer") -> None:
    """Where an answer stands, each place numbered once; or that it does not, or what was nearest."""
    places = {(citation.source, citation.start, citation.end): citation for citation in answer.citations}
    for number, citation in enumerate(places.values(), start=1):
        terminal.styled([[(f"  [{number}] {place_of(citation)} ", "dim"), (f"“{folded(citation.quote)}”", "")]])
    for hit in answer.nearest:
        terminal.styled([[("  nearest: ", "dim"), (f"{place_of(hit.chunk)} ", "dim"), (excerpt(hit.chunk.text), "")]])
    if answer.kind == "extractive":
        terminal.styled([[("  (the best sentence that was found; no model was asked)", "dim")]])
    if answer.kind == "model" and not answer.supported:
        terminal.styled([[("  (unsupported: not all of this stands in what was found)", "yellow")]])


def show_sent(answer: "Answer") -> None:
    """What the model was given to read."""
    if not answer.sent:
        terminal.write_line("  the model was not asked")
        return
    rows = [(one.hit.chunk.source, f"{one.start}-{one.end}", one.hit.score, one.n_tokens, cut_text(one)) for one in answer.sent]
    terminal.table(("sent", "characters", "score", "tokens", "cut"), rows)
    n_tokens = sum(one.n_tokens for one in answer.sent)
    left_out = f"; {answer.n_left_out} left out for want of room" if answer.n_left_out else ""
    terminal.write_line(f"  passages: {n_tokens:,} of the {answer.n_read:,} tokens that were read{left_out}")


def cut_text(sent: "Sent") -> str:
    """How much of a chunk was not sent."""
    chunk = sent.hit.chunk
    return f"{chunk.end - chunk.start - (sent.end - sent.start):,} characters" if sent.is_cut else "no"


def excerpt(text: str) -> str:
    """The beginning of a text, on one line."""
    line = folded(text)
    return line if len(line) <= EXCERPT_CHARACTERS else f"{line[:EXCERPT_CHARACTERS]} …"


def as_json(question: str, answer: "Answer") -> dict[str, Any]:
    """An answer as scripts get it."""
    return {
        "question": question,
        "answer": answer.text,
        "citations": [asdict(citation) for citation in answer.citations],
        "supported": answer.supported,
        "kind": answer.kind,
        "sent": [sent_json(sent) for sent in answer.sent],
        "n_left_out": answer.n_left_out,
        "nearest": [hit_json(hit) for hit in answer.nearest],
        "tokens": {"read": answer.n_read, "passages": sum(sent.n_tokens for sent in answer.sent)},
    }


def sent_json(sent: "Sent") -> dict[str, Any]:
    """What was sent of a chunk."""
    known = {"text": sent.text, "start": sent.start, "end": sent.end, "n_tokens": sent.n_tokens, "is_cut": sent.is_cut}
    return hit_json(sent.hit) | known
