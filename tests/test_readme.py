"""The README shows what a run has written, and names commands that exist."""

import re
import runpy
from pathlib import Path

from handspun.cli.app import verbs

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_measured_table_is_the_one_the_run_wrote() -> None:
    assert runpy.run_path(str(ROOT / "dev" / "write_readme.py"))["is_current"]()


def test_every_verb_it_names_is_a_verb() -> None:
    named = set(re.findall(r"^    handspun (\w+)", README, re.MULTILINE))
    assert named and named <= set(verbs())


def test_every_page_it_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links and [link for link in links if not (ROOT / link).exists()] == []
