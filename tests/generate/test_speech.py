"""Text that is shown is certain: whole characters, and no part of a stop text."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.generate.speech import Speech, overlap

STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)


def spoken(pieces: list[bytes], stop: list[str]) -> tuple[list[str], bool]:
    """What is shown of pieces heard one after the other, and whether a stop text has ended it."""
    speech, shown = Speech(stop), []
    for number, piece in enumerate(pieces):
        text, is_stopped = speech.hear(piece, is_last=number == len(pieces) - 1)
        shown.append(text)
        if is_stopped:
            return shown, True
    return shown, False


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data cut at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)] or [b""]


@given(st.text("abc\né語👩", max_size=20), STOPS, st.lists(st.integers(0, 200), max_size=10))
@settings(max_examples=200)
def test_what_is_said_does_not_depend_on_where_the_tokens_cut_the_bytes(text: str, stop: list[str], cuts: list[int]) -> None:
    data = text.encode()
    by_bytes, is_stopped = spoken([data[place : place + 1] for place in range(len(data))] or [b""], stop)
    assert ("".join(by_bytes), is_stopped) == (lambda said: ("".join(said[0]), said[1]))(spoken(pieces_of(data, cuts), stop))
    assert not any(ending in "".join(by_bytes) for ending in stop)


@given(st.text("abc\né語👩", max_size=20), STOPS)
def test_a_reply_stops_where_the_first_stop_text_is_complete(text: str, stop: list[str]) -> None:
    shown, is_stopped = spoken([text.encode()], stop)
    endings = [text[:end] for end in range(len(text) + 1) if any(text[:end].endswith(ending) for ending in stop)]
    longest = max((ending for ending in stop if endings and endings[0].endswith(ending)), key=len, default="")
    assert is_stopped == bool(endings)
    assert "".join(shown) == (endings[0].removesuffix(longest) if endings else text)


def test_half_a_character_waits_for_its_other_half() -> None:
    speech = Speech()
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert speech.hear(b"caf" + first) == ("caf", False)
    assert speech.hear(second) == ("é", False)


def test_a_character_that_never_ends_is_shown_as_unknown_at_the_end() -> None:
    assert Speech().hear("é".encode()[:1], is_last=True) == ("\ufffd", False)


def test_what_only_looked_like_a_stop_text_is_shown_after_all() -> None:
    speech = Speech(["\n\nUser:"])
    assert speech.hear(b"Yes.\n\nUse") == ("Yes.", False)
    assert speech.hear(b"less") == ("\n\nUseless", False)
    assert speech.hear(b"\n\n", is_last=True) == ("\n\n", False)


def test_the_longest_beginning_of_a_stop_text_is_held() -> None:
    assert overlap("aab", "abab") == 2
    assert overlap("aab", "b") == 0
    assert overlap("xyz", "abab") == 0
