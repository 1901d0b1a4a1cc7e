"""The commands in the guides are commands: verbs with their options, recipes that load, torchrun's own words in their place."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

from handspun.cli.program import build_app
from handspun.recipe import load_recipe

GUIDES = Path(__file__).parents[1] / "docs" / "guides"
SBATCH = GUIDES / "train-on-a-cluster.md"
HISTORY = GUIDES.parents[1] / "benchmarks" / "history.jsonl"


def scripts(page: Path) -> list[str]:
    """What a page tells to type or to save, continued lines joined."""
    found = re.findall(r"^```(?:sh|bash)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [script.replace("\\\n", " ") for script in found]


def commands(page: Path) -> list[list[str]]:
    """Every command that starts handspun, as words."""
    lines = [line for script in scripts(page) for line in script.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if re.search(r"(^|\s)handspun\s", line)]
    return [line[:-1] if line[-1] == "&" else line for line in words]


def cases() -> list[tuple[str, list[str]]]:
    pages = [page for page in sorted(GUIDES.glob("*.md")) if page.stem != "when-a-run-dies"]
    return [(page.stem, words) for page in pages for words in commands(page)]


@pytest.mark.parametrize(("page", "words"), cases(), ids=[f"{page}: {' '.join(words)}" for page, words in cases()])
def test_every_command_of_the_guides_is_one(page: str, words: list[str]) -> None:
    place = words.index("handspun")
    verb, *rest = words[place + 1 :]
    _, bound, _ = build_app(verb).parse_args([verb, *rest], exit_on_error=False, print_error=False)
    if "recipe" in bound.arguments:
        load_recipe(bound.arguments["recipe"], bound.arguments.get("overrides", ()))


@pytest.mark.parametrize("page", ["train-on-several", "train-on-a-cluster"])
def test_torchrun_understands_what_it_is_given(page: str) -> None:
    (words,) = [words for words in commands(GUIDES / f"{page}.md") if "torchrun" in words]
    parsed = get_args_parser().parse_args(words[words.index("torchrun") + 1 :])
    assert parsed.module and parsed.training_script == "handspun"
    assert parsed.training_script_args[0] == "train"


def test_without_the_two_dashes_torchrun_would_not() -> None:
    (words,) = [words for words in commands(SBATCH) if "torchrun" in words]
    words.remove("--")
    with pytest.raises(SystemExit):
        get_args_parser().parse_args(words[words.index("torchrun") + 1 :])


def test_the_batch_script_is_one_that_bash_can_read() -> None:
    (script,) = [script for script in scripts(SBATCH) if "#SBATCH" in script]
    assert script.startswith("#!/bin/bash\n#SBATCH ")
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).stderr == ""


def test_the_figures_of_a_large_index_are_those_measured_last() -> None:
    lines = map(json.loads, HISTORY.read_text(encoding="utf-8").splitlines())
    *_, found = (line["results"] for line in lines if line["benchmark"] == "index")
    measured = {
        "to build, without embedding": f"{found['build_s']:.1f} s",
        "on the disk": f"{found['disk_mib']:.0f} MiB",
        "vectors in memory": f"{found['memory_mib']:.0f} MiB",
        "a search by words, median": f"{found['text']['p50_ms']:.0f} ms",
        "a search by vectors, median": f"{found['vectors']['p50_ms']:.0f} ms",
        "a search by both, 95 of 100 within": f"{found['hybrid']['p95_ms']:.0f} ms",
        "1,000 chunks more": f"{found['add_1000_s']:.1f} s",
        "the first search after that": f"{found['first_search_after_s']:.1f} s",
        "all checks of `index doctor`": f"{found['check_s']:.1f} s",
    }
    page = (GUIDES / "a-million-chunks.md").read_text(encoding="utf-8")
    assert found["chunks"] == 100_000
    assert dict(re.findall(r"^\| ([^|*]+) \| ([\d.]+ (?:s|ms|MiB)) \|", page, re.MULTILINE)) == measured


@pytest.mark.parametrize("page", sorted(GUIDES.glob("*.md")), ids=lambda page: page.stem)
def test_every_page_a_guide_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
