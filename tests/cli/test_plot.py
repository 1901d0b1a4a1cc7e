"""Panels in a terminal: within its width, each curve told apart with and without color."""

import pytest

from handspun.cli.plot import BRAILLE, GAP, HEIGHT, LEAST_WIDTH, Line, drawn_panels
from handspun.plot.panel import Curve, Panel

FALLING = Curve("falling", [(x, 10 - x) for x in range(1, 10)])
RISING = Curve("rising", [(x, float(x)) for x in range(1, 10)])


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def drawn(width: int, n_rows: int = 2, n_columns: int = 3) -> list[str]:
    return texts(drawn_panels([[Panel("loss", "tokens", [FALLING, RISING])] * n_columns] * n_rows, width, is_colored=False))


@pytest.mark.parametrize(("width", "n_abreast"), [(200, 3), (3 * (LEAST_WIDTH + GAP), 3), (80, 2), (60, 1), (20, 1)])
def test_as_many_panels_stand_side_by_side_as_fit(width: int, n_abreast: int) -> None:
    lines = drawn(width)
    assert lines[0].count("loss") == n_abreast
    assert sum(line.count("loss") for line in lines) == 6
    assert max(map(len, lines)) <= width


def test_without_color_each_curve_is_its_letter_and_a_crossing_is_marked() -> None:
    lines = drawn(60, 1, 1)[1 : HEIGHT + 1]
    assert lines[0].index("A") < lines[0].index("B")
    assert lines[-1].index("B") < lines[-1].index("A")
    assert "*" in lines[HEIGHT // 2]


def test_with_color_each_curve_has_its_own() -> None:
    lines = drawn_panels([[Panel("loss", "tokens", [FALLING, RISING])]], 60, is_colored=True)
    styles = {style for line in lines for text, style in line if any(ord(sign) > BRAILLE for sign in text)}
    assert styles == {"blue", "red"}
    first_row = [style for text, style in lines[1] if style]
    assert first_row[0] == "blue" and first_row[-1] == "red"


def test_the_axes_say_their_numbers_and_what_they_count() -> None:
    lines = drawn(60, 1, 1)
    assert [line.split()[0] for line in lines if "┤" in line] == ["8", "6", "4", "2"]
    assert lines[HEIGHT + 2].split() == ["0", "5"]
    assert lines[HEIGHT + 2].index("5") == lines[HEIGHT + 1].rindex("┬")
    assert lines[HEIGHT + 3].strip() == "tokens"


def test_a_panel_without_points_is_empty() -> None:
    lines = texts(drawn_panels([[Panel("loss", "tokens", [Curve("none", [])])]], 60, is_colored=False))
    assert not any("A" in line for line in lines)
