"""The parts that pages of Markdown about a run are made of."""

from collections.abc import Sequence


def spoken(said: Sequence[tuple[str, str]]) -> str:
    """Who says what, as a block of text."""
    lines = [f"{who:>9}  {what}".replace("\n", f"\n{'':11}") for who, what in said]
    return "\n".join(["```text", *lines, "```"])


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, all columns but the first to the right."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, rule, *rows))


def percent(share: float) -> str:
    """A share as a percentage."""
    return f"{100 * share:.1f} %"
