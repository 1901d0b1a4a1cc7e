"""Panels as an SVG: text that any browser and any page of documentation shows."""

from collections.abc import Sequence
from html import escape

from handspun.plot.canvas import INK, Anchor, draw, size
from handspun.plot.panel import Panel, Point

FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


class SvgCanvas:
    """Collects the elements of an SVG."""

    def __init__(self) -> None:
        self.elements: list[str] = []

    def line(self, points: Sequence[Point], color: str, width: float) -> None:
        """A polyline."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="{width:g}"/>')

    def dot(self, center: Point, color: str, radius: float) -> None:
        """A circle."""
        x, y = center
        self.elements.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{color}"/>')

    def text(self, place: Point, text: str, anchor: Anchor, *, is_bold: bool = False) -> None:
        """A text element."""
        x, y = place
        weight = ' font-weight="bold"' if is_bold else ""
        self.elements.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>')


def svg(grid: Sequence[Sequence[Panel]], title: str) -> str:
    """Rows of panels as the text of an SVG file; `title` is what a screen reader says."""
    canvas, (width, height) = SvgCanvas(), size(grid)
    draw(grid, canvas)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join(
        [
            f'{opening} role="img" font-family="{FONT}" font-size="12" fill="{INK}">',
            f"<title>{escape(title)}</title>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *canvas.elements,
            "</svg>\n",
        ]
    )
