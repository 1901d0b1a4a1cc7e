"""The PNG shows the same panels, and its absence of Pillow is said in one sentence."""

import sys
from io import BytesIO

import pytest

from handspun.errors import HandspunError
from handspun.plot.canvas import COLORS, size
from handspun.plot.panel import Curve, Panel
from handspun.plot.png import SCALE, png

GRID = [[Panel("loss", "tokens", [Curve("a", [(1, 3), (2, 2)]), Curve("b", [(1, 2), (2, 1)])])]]


def test_the_image_has_the_size_of_the_panels_and_the_colors_of_their_curves() -> None:
    image = pytest.importorskip("PIL.Image", reason="a PNG needs Pillow, the extra [png]").open(BytesIO(png(GRID)))
    width, height = size(GRID)
    assert image.size == (SCALE * width, SCALE * height)
    found = {color for _, color in image.getcolors(maxcolors=1 << 20)}
    red_green_blue = [tuple(bytes.fromhex(color[1:])) for color in COLORS[:3]]
    assert [color in found for color in red_green_blue] == [True, True, False]


def test_without_pillow_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(HandspunError, match=r"needs Pillow: pip install 'handspun\[png\]'"):
        png(GRID)
