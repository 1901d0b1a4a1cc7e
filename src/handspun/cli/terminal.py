"""All the printing. Data goes to stdout, talk to stderr; rich where a person watches, plain lines where a file does.

No text that is shown can steer the terminal: what a model, a passage or a file says is printed, never obeyed.
NO_COLOR and TERM=dumb are honored. rich is imported only when something is drawn with it, so that errors and help are instant.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from handspun.cli.safe_text import on_one_line, printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 10_000


def is_watched() -> bool:
    """Whether stderr is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@cache
def talk_console() -> "Console":
    """The rich console on stderr: one for the whole process, so that lines and progress do not overwrite each other."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: str = "") -> None:
    """One line of talk."""
    text = printable(text)
    if is_watched():
        talk_console().print(text)
    else:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def agrees(question: str) -> bool:
    """Ask who sits at the terminal; all but a yes is a no."""
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def error(sentence: str) -> None:
    """Why it ends here."""
    say(f"error: {sentence}")


def sample(prompt: str, text: str) -> None:
    """A prompt and how the model goes on, the model's part set off where there is color."""
    if is_watched():
        from rich.text import Text

        talk_console().print(Text.assemble("  ", (printable(prompt), "dim"), (printable(text), "bold")))
    else:
        say(f"  {prompt}{text}")


def write(text: str) -> None:
    """Text to stdout as it comes, without a line end: a reply that is being generated."""
    write_drawn(printable(text))


def write_drawn(text: str) -> None:
    """To stdout what holds no codes but our own."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_line(text: str = "") -> None:
    """One line of data."""
    write(f"{text}\n")


def abandon_stdout() -> None:
    """Forget what nobody will read, so that the interpreter does not stumble over it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout, all of it in any encoding."""
    is_unicode = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    write_line(printable_json(json.dumps(value, indent=2, ensure_ascii=not is_unicode)))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Aligned columns on stdout: numbers to the right, an absent value as a dash; below each other where words do not fit."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[cell_text(value) for value in row] for row in rows]
    if sys.stdout.isatty() and narrowest(columns, cells) > width():
        stack(columns, cells)
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for index, column in enumerate(columns):
        is_number = bool(cells) and all(row[index].replace(",", "").replace(".", "").strip("-").isdecimal() for row in cells)
        drawn.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    is_screen = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if is_screen else PLAIN_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(drawn)
    for line in captured.get().splitlines():
        write_drawn(f"{line.rstrip()}\n")


def narrowest(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """The width at which the columns still break no word."""
    by_column = zip(columns, *cells) if columns else zip(*cells)
    return sum(2 + max((len(word) for text in texts for word in text.split()), default=0) for texts in by_column)


def stack(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """A table for a narrow screen: each row as lines of a column's name and its value."""
    margin = max(map(len, columns), default=0)
    for row in cells:
        for name, text in zip(columns or [""] * len(row), row):
            write_line(f"{name:<{margin}}  {text}".strip())
        write_line()


def width() -> int:
    """The columns of the terminal; 80 where there is none."""
    return shutil.get_terminal_size().columns


def is_colored() -> bool:
    """Whether what goes to stdout is looked at by someone who wants color."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def styled(lines: Iterable[Sequence[tuple[str, str]]]) -> None:
    """Lines on stdout, each of parts with a style (a color, "bold" or "") that shows where there is color."""
    if not is_colored():
        for line in lines:
            write_line("".join(text for text, _ in line).rstrip())
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text.assemble(*((printable(text), style) for text, style in line)))


def marked(parts: Iterable[tuple[str, bool]]) -> None:
    """A text on stdout whose parts are marked or not: told apart by color, or by ⟦brackets⟧ where there is no color."""
    if not is_colored():
        write_line("".join(f"⟦{text}⟧" if is_marked else text for text, is_marked in parts))
        return
    from rich.console import Console
    from rich.text import Text

    styled = ((printable(text), "bold green" if is_marked else "dim") for text, is_marked in parts)
    Console(highlight=False, soft_wrap=True).print(Text.assemble(*styled))


def cell_text(value: Any) -> str:
    """A value as a table shows it: thousands apart, four significant decimals."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
        case _:
            return on_one_line(str(value))


def bytes_text(n_bytes: float) -> str:
    """A size with its unit: "3.1 MiB"."""
    for unit in ("bytes", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:,.0f} {unit}" if unit == "bytes" else f"{n_bytes:,.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:,.1f} GiB"


def duration_text(seconds: float) -> str:
    """A time as a person says it: "8 s", "4 min 05 s", "2 h 07 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
