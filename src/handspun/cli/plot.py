"""Panels in a terminal: dots of braille where there is color, letters where there is none."""

import string
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise, zip_longest

from handspun.plot.panel import Curve, Panel, Point

COLORS = ("blue", "red", "green", "magenta", "yellow", "cyan", "default")
LEAST_WIDTH, MOST_WIDTH, HEIGHT = 38, 64, 9
"""Columns and rows of a panel, its numbers included in the columns only."""
NUMBERS_WIDTH, GAP = 8, 2
X_TICKS, Y_TICKS = 4, 5
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Unicode's bits of a braille cell, by column and row of its eight dots."""
BRAILLE = 0x2800
SEVERAL = "*"
"""Where curves of several letters meet."""

Part = tuple[str, str]
"""A text and its style: a color, "bold", or "" for none."""
Line = list[Part]
Cell = tuple[int, int]


def letter(number: int) -> str:
    """The name of a curve in the plots and in the tables below them."""
    return string.ascii_uppercase[number % 26]


def color(number: int) -> str:
    """The color that goes with the letter."""
    return COLORS[number % len(COLORS)]


def drawn_panels(grid: Sequence[Sequence[Panel]], width: int, *, is_colored: bool) -> list[Line]:
    """Rows of panels as lines of a terminal so many columns wide: in rows, or turned into columns, or below each other."""
    transposed = [list(column) for column in zip(*grid, strict=True)]
    fitting = [rows for rows in (grid, transposed) if len(rows[0]) * (LEAST_WIDTH + GAP) <= width]
    rows = fitting[0] if fitting else [[panel] for row in grid for panel in row]
    each = min(MOST_WIDTH, width // len(rows[0]) - GAP)
    return [line for row in rows for line in beside([panel_lines(panel, each, is_colored=is_colored) for panel in row], each)]


def beside(panels: Sequence[list[Line]], width: int) -> list[Line]:
    """Panels next to each other, each padded to its width."""
    lines = []
    for parts in zip_longest(*panels, fillvalue=[]):
        line: Line = []
        for part in parts:
            line += [*part, (" " * (width + GAP - sum(len(text) for text, _ in part)), "")]
        lines.append(line)
    return [*lines, []]


def panel_lines(panel: Panel, width: int, *, is_colored: bool) -> list[Line]:
    """One panel: title, curves with the numbers of the y axis at their left, the x axis."""
    columns = max(2, width - NUMBERS_WIDTH - 1)
    numbers = {round((HEIGHT - 1) * (1 - panel.y_axis.place(value))): text for value, text in panel.y_axis.ticks(Y_TICKS)}
    cells = raster(panel, columns)
    lines: list[Line] = [[(panel.title[:width], "bold")]]
    for row in range(HEIGHT):
        beginning = f"{numbers.get(row, ''):>{NUMBERS_WIDTH - 1}} {'┤' if row in numbers else '│'}"
        drawn = [drawn_cell(cells[column, row], is_colored=is_colored) for column in range(columns)]
        lines.append([(beginning, ""), *drawn])
    return [*lines, *x_axis_lines(panel, columns)]


def x_axis_lines(panel: Panel, columns: int) -> list[Line]:
    """The line below the curves, its numbers, and what they count."""
    rule, numbers = list("─" * columns), [" "] * (columns + NUMBERS_WIDTH + 1)
    for value, text in panel.x_axis.ticks(X_TICKS):
        column = round((columns - 1) * panel.x_axis.place(value))
        rule[column] = "┬"
        begin = min(column + NUMBERS_WIDTH + 1 - len(text) // 2, len(numbers) - len(text))
        numbers[begin : begin + len(text)] = text
    indent = " " * NUMBERS_WIDTH
    return [[(f"{indent}└{''.join(rule)}", "")], [("".join(numbers), "")], [(f"{indent}{panel.x_label:^{columns}}", "")]]


def raster(panel: Panel, columns: int) -> dict[Cell, dict[int, int]]:
    """For each cell the curves that pass through it, by number, and the dots that they set there."""
    cells: dict[Cell, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for curve in panel.curves:
        number = panel.labels.index(curve.label)
        for x, y in dots_of(curve, panel, columns):
            cells[x // 2, y // 4][number] |= DOTS[x % 2][y % 4]
    return cells


def dots_of(curve: Curve, panel: Panel, columns: int) -> list[Cell]:
    """The dots under a curve, twice as many as cells across and four times as many down."""
    x_axis, y_axis = panel.x_axis, panel.y_axis
    places: list[Point] = [
        (x_axis.place(x) * (2 * columns - 1), (1 - y_axis.place(y)) * (4 * HEIGHT - 1)) for x, y in curve.points
    ]
    dots = [(round(x), round(y)) for x, y in places]
    for (x, y), (next_x, next_y) in pairwise(places):
        n_dots = max(1, round(max(abs(next_x - x), abs(next_y - y))))
        steps = ((number / n_dots) for number in range(n_dots))
        dots += [(round(x + share * (next_x - x)), round(y + share * (next_y - y))) for share in steps]
    return dots


def drawn_cell(curves: dict[int, int], *, is_colored: bool) -> Part:
    """One cell: the dots of all that pass in the color of the first, or its letter."""
    if not curves:
        return " ", ""
    first = min(curves)
    if not is_colored:
        return (letter(first) if len(curves) == 1 else SEVERAL), ""
    dots = 0
    for mask in curves.values():
        dots |= mask
    return chr(BRAILLE | dots), color(first)
