"""The form in which every text is stored, so that what is cited is there character by character."""

import re

from handspun.tokens.surrogates import well_formed

UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\xad\ufeff]")
"""control characters, soft hyphens and byte order marks"""
LINE_END = re.compile(r"\r\n?|\f|\v")


def normalized(text: str) -> str:
    """Without control characters and lone surrogates; every line ends with a line feed."""
    return well_formed(UNWANTED.sub("", LINE_END.sub("\n", text)))
