"""handspun show config is the reference of every key."""

import json

import pytest

from handspun.cli.app import run
from handspun.recipe import Recipe
from handspun.settings import keys_of


def test_every_key_of_a_recipe_is_shown_with_a_meaning(capsys: pytest.CaptureFixture) -> None:
    assert run(["show", "config", "--json"]) == 0
    keys = json.loads(capsys.readouterr().out)["keys"]
    assert [key["key"] for key in keys] == list(keys_of(Recipe))
    assert [key["key"] for key in keys if not key["doc"]] == []


def test_the_reference_for_people_has_a_line_per_key(capsys: pytest.CaptureFixture) -> None:
    assert run(["show", "config"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(list(keys_of(Recipe))) + 1
