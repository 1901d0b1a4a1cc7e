"""handspun show is the reference of every key, and a look into a recipe and a batch."""

import json
from pathlib import Path

import pytest

from handspun.cli.app import run
from handspun.recipe import Recipe, load_recipe
from handspun.settings import keys_of


def test_every_key_of_a_recipe_is_shown_with_a_meaning(capsys: pytest.CaptureFixture) -> None:
    assert run(["show", "config", "--json"]) == 0
    keys = json.loads(capsys.readouterr().out)["keys"]
    assert [key["key"] for key in keys] == list(keys_of(Recipe))
    assert [key["key"] for key in keys if not key["doc"]] == []


def test_the_reference_for_people_has_a_line_per_key(capsys: pytest.CaptureFixture) -> None:
    assert run(["show", "config"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(list(keys_of(Recipe))) + 1


def test_a_recipe_is_shown_in_full_and_loads_as_what_it_shows(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["show", "recipe", "quickstart", "model.n_layers=8"]) == 0
    shown = capsys.readouterr().out
    assert "rope_theta = 10000.0" in shown
    (tmp_path / "shown.toml").write_text(shown)
    assert load_recipe(str(tmp_path / "shown.toml")) == load_recipe("quickstart", ["model.n_layers=8"])


def test_a_batch_is_shown_row_by_row_with_what_is_learnt_marked(finished_run: Path, capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    assert run(["show", "batch", str(finished_run), "--rows", "3"]) == 0
    page = capsys.readouterr().out
    assert page.count("── sequence ") == 3
    assert "⟦It holds words.<|end|>⟧" in page or "⟦It is read in order.<|end|>⟧" in page


def test_a_batch_of_what_was_never_made_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["show", "batch", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith('error: no run "')


@pytest.mark.parametrize(
    ("asked", "said"),
    [(["--rows", "0"], "--rows 0"), (["--step", "-1"], "--step -1"), (["--step", "4"], "of 4 steps the last is 3")],
)
def test_a_batch_that_is_none_is_refused(
    finished_run: Path, capsys: pytest.CaptureFixture, asked: list[str], said: str
) -> None:
    capsys.readouterr()
    assert run(["show", "batch", str(finished_run), *asked]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and said in captured.err
    assert run(["show", "batch", str(finished_run), "--rows", "1", "--step", "3"]) == 0


def test_a_name_that_is_also_a_file_here_is_said_to_be_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "recipe.toml").write_text('name = "mine"\n')
    (tmp_path / "mine.toml").write_text('# a remark changes nothing\nname = "mine"\n')
    assert run(["show", "recipe", "mine"]) == 0
    assert capsys.readouterr().err == ""
    (tmp_path / "mine.toml").write_text('name = "mine"\nseed = 2\n')
    assert run(["show", "recipe", "mine"]) == 0
    assert capsys.readouterr().err == (
        '"mine" is runs/mine/recipe.toml, which differs from mine.toml here; for the latter write mine.toml\n'
    )
    assert run(["show", "recipe", "mine.toml"]) == 0
    assert capsys.readouterr().err == ""
