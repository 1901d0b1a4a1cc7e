"""What to look up for a question in a conversation: "And its capital?" says too little by itself."""

from collections.abc import Sequence

from handspun.corpus.document import Message
from handspun.retrieve.words import words

POINTING_BACK = frozenset("it its they them their theirs he him his she her hers this that".split())  # noqa: SIM905
"""what a question says in the place of what was spoken of before"""
THE_MODEL = frozenset(("you", "your", "yours", "yourself"))
"""how whoever answers is spoken to"""


def search_query(question: str, history: Sequence[Message]) -> str:
    """The question, behind the user's last one where it points back to that or says nothing of its own.

    One that stands for itself is looked up alone: words of another subject would only mislead.
    """
    last = next((message.content for message in reversed(history) if message.role == "user"), None)
    return f"{last}\n{question}" if last and is_follow_up(question) else question


def is_follow_up(question: str) -> bool:
    """Whether a question can hardly be understood without the one before."""
    said = words(question)
    return not any(word.is_telling for word in said) or any(word.form in POINTING_BACK for word in said)


def is_about_the_model(question: str) -> bool:
    """Whether it says nothing that could be looked up, and speaks to whoever answers: "Who are you?"."""
    said = words(question)
    return not any(word.is_telling for word in said) and any(word.form in THE_MODEL for word in said)
