"""The README shows what a run has written, and names commands that exist."""

import re
import runpy
from pathlib import Path

from handspun.cli.program import verbs

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


def test_the_recipe_says_what_the_page_of_its_run_says() -> None:
    page = (ROOT / "docs" / "runs" / "quickstart.md").read_text(encoding="utf-8")
    header = (ROOT / "src" / "handspun" / "recipes" / "quickstart.toml").read_text(encoding="utf-8").partition("name =")[0]
    minutes, bpb = re.findall(r"^([\d.]+) minutes", page, re.MULTILINE)[0], re.findall(r"this model \| ([\d.]+)", page)[0]
    answered = re.findall(r"with the right passage \| ([\d.]+) %", page)[0]
    assert f"# time: {float(minutes):.0f} minutes (measured)" in header
    assert f"val_bpb {float(bpb):.2f}, {float(answered):.0f} % of held-out questions" in header
