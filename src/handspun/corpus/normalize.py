"""Makes text uniform. A profile takes text to text, and changes nothing the second time."""

import re
import unicodedata
from collections.abc import Callable
from importlib.util import find_spec

from handspun.corpus.config import Profile

# A byte that leads a UTF-8 sequence, then one that continues it, both shown as Latin-1 or Windows-1252 characters.
MOJIBAKE = re.compile("[\u00c2-\u00f4][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
ASCII_QUOTES = {ord("“"): '"', ord("”"): '"', ord("‘"): "'", ord("’"): "'"}
EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u3030\u303d\u3297\u3299\u200d\ufe0f\u20e3\U000e0020-\U000e007f]"
)
KEPT_CATEGORIES = "LMNPZ"  # letters, marks, numbers, punctuation, separators
MAX_PASSES = 16


class Normalizer:
    """Applies one profile; `n_unrepaired` counts the texts that looked garbled while ftfy, which would mend them, is absent."""

    def __init__(self, profile: Profile, *, keep_emoji: bool = True) -> None:
        self.n_unrepaired = 0
        self._has_ftfy = find_spec("ftfy") is not None
        self._kept = _KeptCharacters(keep_emoji=keep_emoji)
        self._once: Callable[[str], str] = {"none": _unchanged, "unicode": self._unicode, "uncased": self._uncased}[profile]

    def __call__(self, text: str) -> str:
        """The text in this profile's form: the profile is applied until it changes nothing more."""
        for _ in range(MAX_PASSES):
            before, text = text, self._once(text)
            if text == before:
                break
        self.n_unrepaired += not self._has_ftfy and self._once != _unchanged and looks_garbled(text)
        return text

    def _unicode(self, text: str) -> str:
        """NFC, with UTF-8 that was read as Latin-1 or Windows-1252 read again as what it is."""
        if text.isascii():
            return text
        if self._has_ftfy and looks_garbled(text):
            import ftfy  # comes with an extra: imported where it is needed

            text = ftfy.fix_encoding(text)
        return unicodedata.normalize("NFC", text)

    def _uncased(self, text: str) -> str:
        """As unicode, in lower case, with ASCII quotes, without symbols and control characters."""
        return unicodedata.normalize("NFC", self._unicode(text).translate(ASCII_QUOTES).lower().translate(self._kept))


class _KeptCharacters(dict[int, int | None]):
    """A table for str.translate, filled as characters are met: a character stands for itself, or for nothing."""

    def __init__(self, *, keep_emoji: bool) -> None:
        super().__init__()
        self._keep_emoji = keep_emoji

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        if EMOJI.match(character):
            is_kept = self._keep_emoji
        else:
            is_ascii_text = character.isascii() and (character.isprintable() or character in "\t\n\r")
            is_kept = is_ascii_text or unicodedata.category(character)[0] in KEPT_CATEGORIES
        self[code] = code if is_kept else None
        return self[code]


def looks_garbled(text: str) -> bool:
    """Whether the text may hold UTF-8 that was read as Latin-1; cheap, and true for some text that is whole."""
    return MOJIBAKE.search(text) is not None


def _unchanged(text: str) -> str:
    return text
