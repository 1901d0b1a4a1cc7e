"""Panels laid out on a canvas, in units that an SVG calls pixels; what a canvas is made of is the canvas's affair."""

from collections.abc import Sequence
from typing import Literal, Protocol

from handspun.plot.panel import Curve, Panel, Point, thinned

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Told apart by the color-blind too (Okabe and Ito 2008)."""
INK, GRID = "#333333", "#dddddd"
PANEL_WIDTH, PANEL_HEIGHT = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 40
"""Room around the curves of a panel for its numbers and titles."""
LEGEND_HEIGHT, LEGEND_MARK, LETTER_WIDTH = 26, 22, 7
X_TICKS, Y_TICKS = 4, 5
MOST_POINTS, FEW_POINTS = 300, 60
"""Points drawn per curve; where a curve has few, each is marked."""

Anchor = Literal["start", "middle", "end"]


class Canvas(Protocol):
    """What can be drawn."""

    def line(self, points: Sequence[Point], color: str, width: float) -> None:
        """Straight lines from point to point."""
        ...

    def dot(self, center: Point, color: str, radius: float) -> None:
        """A filled circle."""
        ...

    def text(self, place: Point, text: str, anchor: Anchor, *, is_bold: bool = False) -> None:
        """One line of text; `place` is on its base line, at its beginning, middle or end."""
        ...


def size(grid: Sequence[Sequence[Panel]]) -> tuple[int, int]:
    """Width and height that the rows of panels take, the legend below them included."""
    n_lines = 1 + max((line for line, _ in legend_places(grid)), default=-1)
    return max(map(len, grid)) * PANEL_WIDTH, len(grid) * PANEL_HEIGHT + n_lines * LEGEND_HEIGHT


def draw(grid: Sequence[Sequence[Panel]], canvas: Canvas) -> None:
    """Rows of panels, and below them one legend for all."""
    colors = colors_of(grid)
    for row, panels in enumerate(grid):
        for column, panel in enumerate(panels):
            draw_panel(panel, canvas, column * PANEL_WIDTH, row * PANEL_HEIGHT, colors)
    below = len(grid) * PANEL_HEIGHT
    for (line, left), (label, color) in zip(legend_places(grid), colors.items()):
        middle = below + line * LEGEND_HEIGHT + LEGEND_HEIGHT / 2
        canvas.line([(left, middle), (left + LEGEND_MARK, middle)], color, 2.5)
        canvas.text((left + LEGEND_MARK + 6, middle + 4), label, "start")


def colors_of(grid: Sequence[Sequence[Panel]]) -> dict[str, str]:
    """One color for each label, the same in every panel."""
    labels = dict.fromkeys(label for row in grid for panel in row for label in panel.labels)
    return {label: COLORS[number % len(COLORS)] for number, label in enumerate(labels)}


def legend_places(grid: Sequence[Sequence[Panel]]) -> list[tuple[int, float]]:
    """For each label its line of the legend, and where on it it begins."""
    full_width, places = max(map(len, grid)) * PANEL_WIDTH, []
    line, left = 0, float(LEFT)
    for label in colors_of(grid):
        width = LEGEND_MARK + 24 + LETTER_WIDTH * len(label)
        if left > LEFT and left + width > full_width:
            line, left = line + 1, float(LEFT)
        places.append((line, left))
        left += width
    return places


def draw_panel(panel: Panel, canvas: Canvas, left: float, top: float, colors: dict[str, str]) -> None:
    """One panel whose corner is at (left, top): its grid with numbers, its titles, its curves."""
    x_axis, y_axis = panel.x_axis, panel.y_axis
    width, height = PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM
    left, bottom = left + LEFT, top + TOP + height

    def place(point: Point) -> Point:
        return left + width * x_axis.place(point[0]), bottom - height * y_axis.place(point[1])

    for value, text in y_axis.ticks(Y_TICKS):
        y = place((0, value))[1]
        canvas.line([(left, y), (left + width, y)], GRID, 1)
        canvas.text((left - 6, y + 4), text, "end")
    for value, text in x_axis.ticks(X_TICKS):
        x = place((value, 0))[0]
        canvas.line([(x, bottom), (x, bottom + 4)], INK, 1)
        canvas.text((x, bottom + 17), text, "middle")
    canvas.line([(left, bottom), (left + width, bottom)], INK, 1)
    canvas.text((left, top + 16), panel.title, "start", is_bold=True)
    canvas.text((left + width / 2, bottom + 33), panel.x_label, "middle")
    for curve in panel.curves:
        draw_curve(Curve(curve.label, [place(point) for point in curve.points]), canvas, colors[curve.label])


def draw_curve(curve: Curve, canvas: Canvas, color: str) -> None:
    """A curve whose points are places on the canvas."""
    canvas.line(thinned(curve.points, MOST_POINTS), color, 1.6)
    if len(curve.points) <= FEW_POINTS:
        for point in curve.points:
            canvas.dot(point, color, 2.2)
