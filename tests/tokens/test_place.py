"""A token of the prompt is found again in the message that it stands in."""

from hypothesis import given
from hypothesis import strategies as st

from handspun.corpus.document import ROLES, Message
from handspun.tokens.chat import render
from handspun.tokens.place import Place, places, token_spans
from tiny_run import byte_tokenizer

MESSAGES = st.lists(st.builds(Message, st.sampled_from(ROLES), st.text(st.characters(codec="utf-8"))), min_size=1, max_size=4)


@given(MESSAGES)
def test_the_places_of_a_message_cover_it_and_nothing_else(messages: list[Message]) -> None:
    ids = render(byte_tokenizer(), messages, open_reply=True).ids.tolist()
    covered: list[set[int]] = [set() for _ in messages]
    for id, place in zip(ids, places(byte_tokenizer(), ids), strict=True):
        assert (place is None) == (not byte_tokenizer().token_bytes(id))
        if place:
            covered[place.message].update(range(place.start, place.end))
    assert covered == [set(range(len(message.content))) for message in messages]


def test_a_token_with_a_part_of_a_character_stands_for_the_whole_of_it() -> None:
    ids = render(byte_tokenizer(), [Message("user", "aé!")]).ids.tolist()
    assert places(byte_tokenizer(), ids) == [
        None,
        None,
        Place(0, 0, 1),
        Place(0, 1, 2),
        Place(0, 1, 2),
        Place(0, 2, 3),
        None,
    ]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=4), max_size=6), st.integers(1, 3))
def test_the_spans_of_a_texts_tokens_cover_it_wherever_its_bytes_are_cut(parts: list[str], n_bytes: int) -> None:
    text = "".join(parts)
    data = text.encode()
    tokens = [data[start : start + n_bytes] for start in range(0, len(data), n_bytes)]
    covered = set()
    for token, (start, end) in zip(tokens, token_spans(tokens), strict=True):
        assert token in text[start:end].encode()
        covered.update(range(start, end))
    assert covered == set(range(len(text)))
