"""Panels as a PNG, for places that show no SVG. Needs Pillow: the extra [png]."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from handspun.errors import HandspunError
from handspun.plot.canvas import INK, Anchor, draw, size
from handspun.plot.panel import Panel, Point

SCALE = 2
"""Pixels of the image per unit of the canvas."""
FINER = 2
"""It is drawn so many times larger and then reduced, which smooths the edges."""
FONT_SIZE = 12
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
"""Pillow's names for places on the base line."""


class PngCanvas:
    """Draws on an image of Pillow."""

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self.scale = SCALE * FINER
        self.image: Any = Image.new("RGB", (width * self.scale, height * self.scale), "#ffffff")
        self.pen: Any = ImageDraw.Draw(self.image)
        self.font: Any = ImageFont.load_default(FONT_SIZE * self.scale)

    def line(self, points: Sequence[Point], color: str, width: float) -> None:
        """Lines with round joints."""
        places = [self.scaled(point) for point in points]
        self.pen.line(places, fill=color, width=round(width * self.scale), joint="curve")

    def dot(self, center: Point, color: str, radius: float) -> None:
        """A disk."""
        self.pen.circle(self.scaled(center), radius * self.scale, fill=color)

    def text(self, place: Point, text: str, anchor: Anchor, *, is_bold: bool = False) -> None:
        """Text in the font that Pillow brings along; bold by a thin outline."""
        outline = self.scale // 4 if is_bold else 0
        self.pen.text(self.scaled(place), text, fill=INK, font=self.font, anchor=ANCHORS[anchor], stroke_width=outline)

    def scaled(self, point: Point) -> Point:
        """A place of the canvas on the image."""
        return point[0] * self.scale, point[1] * self.scale

    def encoded(self) -> bytes:
        """The image at its final size, as the bytes of a PNG file."""
        file = BytesIO()
        self.image.reduce(FINER).save(file, "PNG", optimize=True)
        return file.getvalue()


def png(grid: Sequence[Sequence[Panel]]) -> bytes:
    """Rows of panels as the bytes of a PNG file. Raises HandspunError where Pillow is absent."""
    try:
        canvas = PngCanvas(*size(grid))
    except ModuleNotFoundError as error:
        raise HandspunError("a PNG needs Pillow: pip install 'handspun[png]'; or write an SVG with --svg FILE.") from error
    draw(grid, canvas)
    return canvas.encoded()
