"""What to look up for a question in a conversation: "And its capital?" says too little by itself."""

from collections.abc import Sequence

from handspun.corpus.document import Message
from handspun.retrieve.words import words

POINTING_BACK = frozenset("it its they them their theirs he him his she her hers this that".split())  # noqa: SIM905
"""what a question says in the place of what was spoken of before"""
THE_MODEL = frozenset(("you", "your", "yours", "yourself"))
"""how whoever answers is spoken to"""


def search_query(question: str, history: Sequence[Message]) -> str:
    """The question, and where it points back or says nothing of its own those before it, back to one that stands for itself.

    That one is where it begins: words of another subject would only mislead.
    """
    asked = [*(message.content for message in history if message.role == "user"), question]
    first = next((place for place in reversed(range(len(asked))) if not is_follow_up(asked[place])), 0)
    return "\n".join(asked[first:])


def is_follow_up(question: str) -> bool:
    """Whether a question can hardly be understood without the one before."""
    said = words(question)
    return not any(word.is_telling for word in said) or any(word.form in POINTING_BACK for word in said)


def is_about_the_model(question: str) -> bool:
    """Whether it says nothing that could be looked up, and speaks to whoever answers: "Who are you?"."""
    said = words(question)
    return not any(word.is_telling for word in said) and any(word.form in THE_MODEL for word in said)
