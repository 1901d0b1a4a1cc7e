from collections import Counter

from handspun.corpus.manners import EXCHANGES, manners
from handspun.corpus.questions import UNKNOWN


def test_turns_alternate_and_end_with_the_assistant() -> None:
    for conversation in manners():
        roles = [message.role for message in conversation.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert all(message.content.strip() == message.content != "" for message in conversation.messages)
        assert not any(mark in message.content for message in conversation.messages for mark in ("|", ">"))


def test_there_are_about_sixty_exchanges_some_of_two_turns() -> None:
    assert 55 <= len(EXCHANGES.strip().split("\n\n")) <= 90
    lengths = Counter(len(conversation.messages) for conversation in manners())
    assert lengths[2] > 400
    assert lengths[4] > 100


def test_it_has_a_name_and_admits_what_it_does_not_know() -> None:
    replies = {conversation.messages[0].content: conversation.messages[1].content for conversation in manners()}
    assert "Spindle" in replies["who are you"]
    assert replies["What is the capital of Brazil?"] == UNKNOWN


def test_the_same_words_always_get_the_same_reply_at_first() -> None:
    replies: dict[str, set[str]] = {}
    for conversation in manners():
        replies.setdefault(conversation.messages[0].content, set()).add(conversation.messages[1].content)
    assert not {ask: said for ask, said in replies.items() if len(said) > 1}


def test_every_conversation_has_a_name_of_its_own() -> None:
    names = [conversation.id for conversation in manners()]
    assert len(names) == len(set(names))
