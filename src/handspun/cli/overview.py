"""The page of `handspun --help`: every verb and what it is for. It imports none of them, so that it answers at once."""

import textwrap
from pathlib import Path

PURPOSE = "Build a language model of your own, from raw text to an assistant that answers."
EXPLAINS = "`handspun VERB --help` explains one"


def purposes() -> dict[str, str]:
    """The verbs and what each is for: a file VERB.py beside this one is a verb where it begins `handspun VERB: `."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        with path.open(encoding="utf-8") as lines:
            begins, colon, purpose = next(lines, "").strip().strip('"').partition(": ")
        if colon and begins == f"handspun {path.stem}":
            found[path.stem] = purpose.removesuffix(".")
    return found


def overview(width: int) -> str:
    """The page, in lines of at most `width` columns."""
    verbs = purposes()
    options = {"--help, -h": "show this page", "--version": "show the version"}
    margin = max(map(len, (*verbs, *options))) + 4
    rows = [
        textwrap.fill(f"  {name:<{margin - 2}}{text}", max(width, 2 * margin), subsequent_indent=" " * margin)
        for name, text in {**verbs, **options}.items()
    ]
    return "\n".join(["Usage: handspun VERB ...", "", PURPOSE, f"{EXPLAINS[0]}{EXPLAINS[1:]}.", "", *rows])
