import unicodedata
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handspun.corpus import normalize
from handspun.corpus.config import Profile
from handspun.corpus.normalize import Normalizer, looks_garbled

GARBLED = st.text(max_size=20).map(lambda text: text.encode("utf-8", "ignore").decode("latin-1"))


@given(st.sampled_from(get_args(Profile)), st.booleans(), st.one_of(st.text(), GARBLED))
@example("uncased", True, "İSTANBUL ΣΑΣ")
@example("uncased", False, "\u1e9e\u0345\u0399")
@example("unicode", True, "Ã\u0192Â©")
@settings(max_examples=200)
def test_normalizing_twice_is_normalizing_once(profile: Profile, keep_emoji: bool, text: str) -> None:
    normalizer = Normalizer(profile, keep_emoji=keep_emoji)
    assert normalizer(normalizer(text)) == normalizer(text)


@given(st.text())
@settings(max_examples=50)
def test_the_profile_none_leaves_text_alone(text: str) -> None:
    assert Normalizer("none")(text) == text


def test_unicode_composes_accents_and_mends_mojibake() -> None:
    unicode = Normalizer("unicode")
    assert unicode("cafe\u0301") == "caf\u00e9"
    assert unicode("It\u00e2\u20ac\u2122s a cafÃ©") == "It\u2019s a café"


def test_unicode_leaves_sound_text_alone() -> None:
    sound = "Ångström, naïve, “quoted”, 中文, ½ — done"
    assert not looks_garbled(sound)
    assert Normalizer("unicode")(sound) == sound


def test_uncased_keeps_letters_digits_punctuation_and_white_space() -> None:
    uncased = Normalizer("uncased")
    assert uncased("“It’s ‘5’ O’CLOCK”\n\tÉCOLE, a+b<c → №\u0007") == "\"it's '5' o'clock\"\n\técole, a+b<c  "
    assert uncased("中文 Ёлка ٣") == "中文 ёлка ٣"


def test_emoji_stay_only_where_they_are_wanted() -> None:
    text = "nice \U0001f600\U0001f44d\U0001f3fd, sun ☀️"
    assert Normalizer("uncased", keep_emoji=True)(text) == unicodedata.normalize("NFC", text)
    assert Normalizer("uncased", keep_emoji=False)(text) == "nice , sun "


def test_garbled_text_is_counted_where_the_repair_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalize, "find_spec", lambda name: None)
    normalizer = Normalizer("unicode")
    assert normalizer("cafÃ©") == "cafÃ©"
    assert normalizer("café") == "café"
    assert normalizer.n_unrepaired == 1
    untouched = Normalizer("none")
    assert untouched("cafÃ©") == "cafÃ©"
    assert untouched.n_unrepaired == 0
