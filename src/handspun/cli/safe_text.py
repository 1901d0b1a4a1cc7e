"""Text that a terminal shows and does not obey, whoever wrote it: a model, a passage, a file."""

import re

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tabs and line ends, what turns the direction of writing around, and halves of characters."""
LINE_ENDS = re.compile("[\t\n\u2028\u2029]")
"""What is shown as it is in a text, and would let a name go on where the next line seems to begin."""
PICTURES, DELETE = 0x2400, 0x7F


def printable(text: str) -> str:
    """The text with a picture, or a number, in the place of each character that would be obeyed: ␛ for an escape."""
    return OBEYED.sub(lambda match: picture(ord(match[0])), text)


def on_one_line(name: str) -> str:
    """A name so that nothing in it looks like a line of its own: ␊ for a line end, too."""
    return LINE_ENDS.sub(lambda match: picture(ord(match[0])), printable(name))


def printable_json(text: str) -> str:
    """JSON that means the same and holds no such character."""
    return OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def picture(code: int) -> str:
    """What is shown for a character that is not to be obeyed."""
    if code == DELETE:
        return "␡"
    return chr(PICTURES + code) if code < ord(" ") else f"<U+{code:04X}>"
