"""A citation's place in a reply is counted as a client counts that has put together what was streamed."""

from handspun.retrieve.answer import Answer
from handspun.retrieve.citation import Citation
from handspun.serve.reading import facts


def test_white_space_before_the_answer_counts() -> None:
    reply, citation = "\n Paris.", Citation("france.txt", 10, 15, "Paris", True, "", None, "0" * 32, 0, 5)
    (span,) = facts(Answer("Paris.", (citation,), True, "model"), n_blank=2)["citations"]
    assert reply[span.answer_start : span.answer_end] == span.quote == "Paris"
