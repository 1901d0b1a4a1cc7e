"""English words without their endings, so that "citations" finds "cited": the stemmer of Porter (1980), as FTS5 has it."""

import re
from functools import lru_cache

CACHED_WORDS = 1 << 17
STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "logi": "log", "bli": "ble",
    "alli": "al", "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate",
    "alism": "al", "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
}  # fmt: skip
STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
STEP_4 = (
    "al ance ence er ic able ible ant ement ment ent sion tion ou ism ate iti ous ive ize".split()  # noqa: SIM905
)
LONGEST_FIRST = {"key": len, "reverse": True}


@lru_cache(CACHED_WORDS)
def stem(word: str) -> str:
    """What is left of a word in small letters; words of one or two letters stay as they are."""
    if len(word) <= 2 or not word.isascii():
        return word
    word = without_past(without_plural(word))
    if word.endswith("y") and "v" in shape(word[:-1]):
        word = word[:-1] + "i"
    word = replaced(replaced(word, STEP_2), STEP_3)
    return without_final_e(without_suffix(word))


def shape(word: str) -> str:
    """A letter for each of a word's: v for a vowel, c for a consonant; y is a vowel behind a consonant."""
    kinds = ""
    for letter in word:
        is_vowel = letter in "aeiou" or (letter == "y" and kinds.endswith("c"))
        kinds += "v" if is_vowel else "c"
    return kinds


def measure(word: str) -> int:
    """How often consonants follow vowels."""
    return len(re.findall("v+c+", shape(word)))


def is_short(word: str) -> bool:
    """Whether it ends like "hop": consonant, vowel, and a consonant other than w, x or y."""
    return shape(word).endswith("cvc") and word[-1] not in "wxy"


def without_plural(word: str) -> str:
    """caresses → caress, ponies → poni, cats → cat."""
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def without_past(word: str) -> str:
    """agreed → agree, plastered → plaster, hopping → hop, filing → file."""
    if word.endswith("eed"):
        return word[:-1] if measure(word[:-3]) > 0 else word
    base = next((word.removesuffix(end) for end in ("ed", "ing") if word.endswith(end)), word)
    if base == word or "v" not in shape(base):
        return word
    if base.endswith(("at", "bl", "iz")):
        return base + "e"
    if base[-1:] == base[-2:-1] and shape(base).endswith("c") and base[-1] not in "lsz":
        return base[:-1]
    return base + "e" if measure(base) == 1 and is_short(base) else base


def replaced(word: str, endings: dict[str, str]) -> str:
    """The longest of the endings exchanged for its shorter form, where enough of the word stands before it."""
    for ending in sorted(endings, **LONGEST_FIRST):
        if word.endswith(ending):
            base = word.removesuffix(ending)
            return base + endings[ending] if measure(base) > 0 else word
    return word


def without_suffix(word: str) -> str:
    """adjustable → adjust, adoption → adopt."""
    for ending in sorted(STEP_4, **LONGEST_FIRST):
        if word.endswith(ending):
            base = word.removesuffix(ending[1:] if ending in ("sion", "tion") else ending)
            return base if measure(base) > 1 else word
    return word


def without_final_e(word: str) -> str:
    """probate → probat, controll → control."""
    if word.endswith("e"):
        base, m = word[:-1], measure(word[:-1])
        word = base if m > 1 or (m == 1 and not is_short(base)) else word
    return word[:-1] if word.endswith("ll") and measure(word) > 1 else word
