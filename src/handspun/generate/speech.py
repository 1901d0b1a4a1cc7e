"""From the bytes of tokens to text that may be shown: no half characters, and nothing of a stop text."""

import codecs
from collections.abc import Sequence


class Speech:
    """The text of one reply as it comes. What it says does not depend on where the tokens cut the bytes."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.stop, self.held = stop, ""

    def hear(self, data: bytes, *, is_last: bool = False) -> tuple[str, bool]:
        """The text that is now certain, and whether a stop text has ended the reply.

        Half a character, and what may grow into a stop text, is held back until more is heard.
        """
        text = self.held + self.decoder.decode(data, final=is_last)
        endings = [(start + len(stop), start) for stop in self.stop if (start := text.find(stop)) >= 0]
        if endings:
            _, first_start = min(endings)
            return text[:first_start], True
        n_held = 0 if is_last else max((overlap(text, stop) for stop in self.stop), default=0)
        self.held = text[len(text) - n_held :]
        return text[: len(text) - n_held], False


def overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` may be the beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
