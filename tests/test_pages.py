"""The pages under docs/concepts say what the program does: their Python runs when pasted, their refusals are the program's."""

import re
import shutil
from pathlib import Path

import pytest

from handspun.errors import SettingsError
from handspun.recipe import load_recipe
from handspun.settings import parse_override

PAGES = Path(__file__).parents[1] / "docs" / "concepts"
REFUSAL = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)


def python_of(page: str) -> str:
    """Every block of Python of a page, as pasted one after another."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    "page", ["checkpoint", "evaluate", "generate", "model", "recipe", "runs", "settings", "tokens", "tune"]
)
def test_the_python_of_a_page_runs_from_top_to_bottom(
    page: str, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, tmp_path / "runs" / "quickstart")
    monkeypatch.chdir(tmp_path)
    source = python_of(page)
    assert "import " in source
    exec(compile(source, f"{page}.md", "exec"), {})


def refusals() -> list[tuple[str, str]]:
    """What is given and what is answered, of the tables of two pages."""
    text = "".join((PAGES / f"{page}.md").read_text(encoding="utf-8") for page in ("settings", "recipe"))
    return [(given, answer.replace("\\|", "|")) for given, answer in REFUSAL.findall(text)]


@pytest.mark.parametrize(("given", "answer"), refusals())
def test_a_page_quotes_the_refusal_that_is_given(given: str, answer: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_recipe("quickstart", given.split())
    assert str(refusal.value) == answer
    assert given == "train.lr" or parse_override(given.split()[0])


def test_refusals_are_found_in_both_pages() -> None:
    assert {given.partition("=")[0] for given, _ in refusals()} >= {"train.d_model", "train.seq_len", "corpus.normalize"}


def test_the_checkpoint_that_is_quoted_is_the_last_of_quickstart() -> None:
    train = load_recipe("quickstart").train
    page = (PAGES / "checkpoint.md").read_text(encoding="utf-8")
    assert f"({train.steps}, {train.steps * train.batch_tokens})" in page and f"{train.steps:08d}/model" in page
