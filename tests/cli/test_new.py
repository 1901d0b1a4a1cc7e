"""handspun new writes a recipe that loads, and overwrites nothing."""

import tomllib
from pathlib import Path

import pytest

from handspun.cli import plan
from handspun.cli.app import run
from handspun.planner.devices import devices_here
from handspun.planner.rate import Measurement, Speed, keep_measurement, this_machine
from handspun.planner.text import PYTHON_BYTES
from handspun.recipe import load_recipe
from handspun.sizing import Corpus, sized_recipe

SPEEDS = (Speed(6e6, 60e9), Speed(4e7, 120e9))
MEASURED = Measurement(
    machine=this_machine(),
    kind="cpu",
    name="processor",
    count=1,
    free_bytes=8 << 30,
    runtime_bytes=350 << 20,
    computes_bfloat16=True,
    speeds=SPEEDS,
)


@pytest.fixture
def here(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, on a machine of known speed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    keep_measurement(MEASURED)
    monkeypatch.setattr(plan, "measure_here", lambda: MEASURED)
    return tmp_path


def test_the_recipe_loads_as_what_was_sized_and_opens_with_its_command(here: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["new", "mine", "--minutes", "30"]) == 0
    written = (here / "mine.toml").read_text()
    assert written.startswith("# handspun make mine.toml ")
    assert "for 30 minutes" in written.splitlines()[1]
    assert load_recipe("mine.toml") == sized_recipe("mine", 30, Corpus(("python",), PYTHON_BYTES), SPEEDS, devices_here())
    captured = capsys.readouterr()
    assert "parameters" in captured.out and captured.out.endswith("  handspun make mine.toml\n")


def test_defaults_are_left_out(here: Path) -> None:
    assert run(["new", "mine", "--hours", "0.5"]) == 0
    tree = tomllib.loads((here / "mine.toml").read_text())
    assert tree["tune"].keys() == {"train_tokens"}
    assert "optimizer" not in tree["train"] and "generate" not in tree


def test_texts_of_one_s_own_are_the_source_and_there_is_nothing_to_tune_on(here: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("a.txt", "b.md"):
        (here / name).write_text("Some words. " * 5000)
    assert run(["new", "mine", "--minutes", "5", "--text", "a.txt", "b.md"]) == 0
    recipe = load_recipe("mine.toml")
    assert recipe.corpus.sources == ("a.txt", "b.md")
    assert recipe.corpus.conversations == ()
    assert recipe.tune is None
    assert "the text is what limits this model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["mine"], "give one of --minutes M and --hours H."),
        (["mine", "--minutes", "5", "--hours", "1"], "give one of --minutes M and --hours H."),
        (["mine", "--minutes", "0"], "--minutes 0 is out of range"),
        (["mine", "--minutes", "nan"], "--minutes nan is out of range"),
        (["mine", "--hours", "1e9"], "--hours 1e+09 is out of range"),
        (["mine", "--minutes", "2"], "--minutes 2 is too short for 2.7 MB of text"),
        (["a/b", "--minutes", "30"], 'name="a/b": must be a plain file name'),
        (["quickstart", "--minutes", "30"], '"quickstart" is a recipe that handspun ships'),
        (["mine", "--minutes", "30", "--text", "nowhere.txt"], '"nowhere.txt", which does not exist'),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture, arguments: list[str], named: str
) -> None:
    assert run(["new", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and named in captured.err
    assert list(here.iterdir()) == []


def test_a_recipe_that_is_there_is_not_overwritten(here: Path, capsys: pytest.CaptureFixture) -> None:
    (here / "mine.toml").write_text("precious")
    assert run(["new", "mine", "--minutes", "30"]) == 1
    assert capsys.readouterr().err == "error: mine.toml exists already; choose another name, or delete it.\n"
    assert (here / "mine.toml").read_text() == "precious"


def test_the_next_command_can_be_pasted(here: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["new", "Märchen und Sagen", "--minutes", "30"]) == 0
    assert capsys.readouterr().out.endswith("  handspun make 'Märchen und Sagen.toml'\n")


def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_measured(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr(plan, "measure_here", lambda: pytest.fail("measured"))
    assert run(["new", "mine", "--minutes", "30"]) == 1
    said = capsys.readouterr().err
    assert f"may not be written in {here}" in said and "--run" not in said
