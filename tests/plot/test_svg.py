"""The SVG is well formed, draws every curve where its values are, and says what it shows."""

from xml.etree import ElementTree

from handspun.plot.canvas import COLORS, size
from handspun.plot.panel import Curve, Panel
from handspun.plot.svg import svg

NAME = "{http://www.w3.org/2000/svg}"


def parsed(*panels: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(svg([panels], "two losses"))


def curves_of(root: ElementTree.Element, color: str) -> list[list[tuple[float, ...]]]:
    """The polylines of one color, without the mark in the legend, which has two points."""
    lines = [line.get("points", "").split() for line in root.iter(f"{NAME}polyline") if line.get("stroke") == color]
    return [[tuple(map(float, place.split(","))) for place in line] for line in lines if len(line) > 2]


def test_a_falling_loss_goes_down_and_to_the_right() -> None:
    root = parsed(Panel("loss", "tokens", [Curve("run", [(10, 3.0), (50, 2.5), (100, 2.0)])]))
    ((*places,),) = curves_of(root, COLORS[0])
    assert places == sorted(places)
    assert [y for _, y in places] == sorted(y for _, y in places)


def test_curves_of_one_label_share_a_color_and_a_place_in_the_legend() -> None:
    curves = [Curve(label, [(1, 1), (2, 2), (3, level)]) for label, level in (("a", 1), ("b", 2), ("a", 3))]
    root = parsed(Panel("loss", "tokens", curves))
    assert [len(curves_of(root, color)) for color in COLORS[:3]] == [2, 1, 0]
    texts = [element.text for element in root.iter(f"{NAME}text")]
    assert texts.count("a") == texts.count("b") == 1


def test_names_that_look_like_markup_are_text() -> None:
    root = parsed(Panel("loss <&>", "tokens", [Curve("<script>", [(1, 1), (2, 2)])]))
    texts = [element.text for element in root.iter(f"{NAME}text")]
    assert "<script>" in texts and "loss <&>" in texts
    assert root.find(f"{NAME}title").text == "two losses"  # type: ignore[union-attr]


def test_a_legend_that_is_too_long_for_one_line_takes_more() -> None:
    def height(n_labels: int) -> int:
        return size([[Panel("loss", "tokens", [Curve(f"a run with a long name {n}", []) for n in range(n_labels)])]])[1]

    assert height(1) < height(4) < height(8)


def test_everything_drawn_lies_on_the_picture() -> None:
    curves = [Curve(f"run {n}", [(x, 10 / x + n) for x in range(1, 500)]) for n in range(9)]
    panel = Panel("loss", "tokens", curves)
    root, (width, height) = parsed(panel, panel), size([[panel, panel]])
    for line in root.iter(f"{NAME}polyline"):
        for place in line.get("points", "").split():
            x, y = map(float, place.split(","))
            assert 0 <= x <= width and 0 <= y <= height
