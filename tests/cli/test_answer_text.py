"""People see on one line each where an answer stands, what it lacks, and what the model was given."""

from dataclasses import replace

import pytest

from handspun.cli.answer_text import EXCERPT_CHARACTERS, show_answer, show_sent
from handspun.retrieve.answer import Answer, unknown
from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.citation import Citation
from handspun.retrieve.passages import Sent

TEXT = "Foxes hunt\nat night. They sleep by day."
CHUNK = Chunk("fox.md", 0, len(TEXT), TEXT, "Animals > Fox", 3)


def shown(answer: Answer, capsys: pytest.CaptureFixture) -> list[str]:
    """The lines on stdout."""
    show_answer(answer, None)
    return capsys.readouterr().out.splitlines()


def test_a_citation_names_source_page_characters_and_heading(capsys: pytest.CaptureFixture) -> None:
    citation = Citation("fox.md", 0, 20, TEXT[:20], True, CHUNK.heading, CHUNK.page, CHUNK.id, 0, 20)
    answer = Answer("foxes hunt at night.", (citation,), True, "model")
    assert shown(answer, capsys) == [
        "foxes hunt at night.",
        "  [1] fox.md, page 3, characters 0-20, Animals > Fox “Foxes hunt at night.”",
    ]
    assert shown(replace(answer, supported=False), capsys)[2:] == ["  (unsupported: not all of this stands in what was found)"]


def test_what_is_not_known_names_the_nearest_in_short(capsys: pytest.CaptureFixture) -> None:
    long = replace(CHUNK, text="owl " * 100, heading="", page=None)
    assert shown(unknown([Hit(CHUNK, 0.2), Hit(long, 0.1)]), capsys) == [
        "I do not know.",
        "  nearest: fox.md, page 3, characters 0-39, Animals > Fox Foxes hunt at night. They sleep by day.",
        f"  nearest: fox.md, characters 0-39 {('owl ' * 100)[:EXCERPT_CHARACTERS]} …",
    ]


def test_what_was_sent_is_counted_and_what_was_not_is_said(capsys: pytest.CaptureFixture) -> None:
    sent = Sent(Hit(CHUNK, 0.5), TEXT[:20], 12, True, 0, 20)
    show_sent(Answer("", (), False, "model", (sent,), n_left_out=2, n_read=1234))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split("  ")[0] == "fox.md" and lines[1].endswith("19 characters")
    assert lines[2] == "  passages: 12 of the 1,234 tokens that were read; 2 left out for want of room"
    show_sent(unknown([]))
    assert capsys.readouterr().out == "  the model was not asked\n"
