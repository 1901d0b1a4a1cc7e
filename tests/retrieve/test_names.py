"""Who asks by name finds what is called so, before what shares a part of the name."""

import pytest

from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.names import by_name, names


def hit(source: str, text: str, score: float, heading: str = "") -> Hit:
    return Hit(Chunk(source, 0, len(text), text, heading), score)


CALLED = hit("python.jsonl#os.open", "function os.open(path)\nOpen a file.", 0.3)
LONGER = hit("python.jsonl#os.openpty", "function os.openpty()\nOpen a terminal, as os.openpty of old.", 0.5)
MEMBER = hit("python.jsonl#os.open.flags", "property os.open.flags\nHow it is opened.", 0.6)
MENTION = hit("guide.md", f"{'Files. ' * 20} It is done by os.open and nothing else.", 0.34)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("What does os.path.join do?", ["os.path.join"]),
        ("What is struct_time, and std::vector?", ["struct_time", "std::vector"]),
        ("Where is `dedent` defined?", ["dedent"]),
        ("Does HTTPServer or iPod matter?", ["HTTPServer", "iPod"]),
        ("Who ruled Normandy in 911? Did U.S. troops land, 3.5 miles away, in mid-June?", []),
        ("", []),
    ],
)
def test_a_name_is_what_no_plain_word_looks_like(query: str, found: list[str]) -> None:
    assert names(query) == found


def test_what_is_called_so_comes_before_what_says_so_and_that_before_what_is_called_alike() -> None:
    order = [found.chunk.source for found in by_name("What does os.open do?", [MEMBER, LONGER, MENTION, CALLED])]
    assert order[:2] == ["python.jsonl#os.open", "guide.md"]


def test_without_a_name_the_order_and_the_scores_stay() -> None:
    hits = [MEMBER, LONGER, MENTION, CALLED]
    assert by_name("How is a file opened?", hits) == sorted(hits, key=lambda hit: -hit.score)


def test_a_plain_word_may_be_a_name() -> None:
    module, other = hit("python.jsonl#sched", "module sched\nEvents.", 0.4), hit("a.md", "sched sched sched", 0.5)
    assert by_name("What is sched?", [other, module])[0].chunk is module.chunk
    assert by_name("What is an event?", [other, module])[0].chunk is other.chunk


def test_the_last_part_of_a_longer_name_counts_and_a_heading_names_what_stands_below_it() -> None:
    assert by_name("Which module has `open`?", [LONGER, CALLED])[0].chunk is CALLED.chunk
    below = hit("api.md", "Opens a file.", 0.4, heading="Files > os.open")
    assert by_name("What does os.open do?", [LONGER, below])[0].chunk is below.chunk


def test_scores_stay_at_most_one_and_what_is_called_so_comes_before_what_fits_perfectly() -> None:
    found = by_name("os.open", [hit("a.md", "os.open", 1.0), hit("x.jsonl#os.open", "os.open", 0.9)])
    assert [(one.chunk.source, one.score) for one in found] == [("x.jsonl#os.open", 1.0), ("a.md", 0.9)]
    assert (
        by_name("What is sched?", [hit("a.md", "sched", 1.0), hit("x.jsonl#sched", "sched", 0.9)])[0].chunk.source
        == "x.jsonl#sched"
    )
