"""Whether a chunk holds the answer to a question, and whether a citation supports it.

A question's `object` names the source that answers it, where that is known: a file, or a record of one. Elsewhere the words of
the right answer have to stand there.
"""

from handspun.corpus.document import Question
from handspun.retrieve.chunk import Chunk
from handspun.retrieve.citation import Citation
from handspun.retrieve.source import document_id, file_of
from handspun.retrieve.words import forms


def is_called(source: str, name: str) -> bool:
    """Whether a source is that of this name: PATH, PATH#ID, or the ID alone."""
    return name in (source, file_of(source), document_id(source))


def holds_answer(chunk: Chunk, question: Question) -> bool:
    """Whether a chunk is out of the source that answers, or says the answer."""
    if question.object:
        return is_called(chunk.source, question.object)
    return says(f"{chunk.heading}\n{chunk.text}", question.answer)


def is_right(citation: Citation, question: Question) -> bool:
    """Whether a citation points to the source that answers; where that is not known, whether it quotes of the answer."""
    if question.object:
        return is_called(citation.source, question.object)
    return says(citation.quote, question.answer) or says(question.answer, citation.quote)


def says(text: str, what: str) -> bool:
    """Whether words stand in a text one after the other, white space and letter case aside."""
    said, wanted = forms(text), forms(what)
    return bool(wanted) and any(said[start : start + len(wanted)] == wanted for start in range(len(said) - len(wanted) + 1))
