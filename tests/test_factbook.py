"""The benchmark of reading: what is asked, what is kept out of training, and when an answer counts."""

import json
import os
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from handspun.corpus.reading import Ask, Passage
from handspun.corpus.split import is_held_out
from handspun.retrieve.answer import Answer

ROOT = Path(__file__).parent.parent
TREE = {
    "Geography": {"Area": {"total ": {"text": "7 sq km (2023 est.)"}}, "Coastline": {"text": "<p>0 km</p>"}},
    "Government": {
        "Country name": {
            "conventional short form": {"text": "none"},
            "conventional long form": {"text": "Land &quot;U&quot;"},
        },
        "Capital": {"name": {"text": "Amaurot; etymology: unknown, though much has been written on it"}},
    },
}


@pytest.fixture
def factbook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import factbook

    return factbook


def test_a_value_is_plain_short_text_without_the_year(factbook: ModuleType) -> None:
    assert factbook.value_at(TREE, ("Geography", "Area", "total")) == "7 sq km"
    assert factbook.value_at(TREE, ("Geography", "Coastline")) == "0 km"
    assert factbook.value_at(TREE, ("Government", "Capital", "name")) == ""
    assert factbook.value_at(TREE, ("Economy", "Labor force")) == ""


def test_a_country_without_a_short_name_goes_by_its_long_one(factbook: ModuleType) -> None:
    assert factbook.name_of(TREE) == "Land U"
    assert factbook.name_of({"Geography": {}}) == ""


@pytest.mark.parametrize(("said", "is_exact"), [("the 7 sq km.", True), ("7 SQ KM", True), ("17 sq km", False), ("", False)])
def test_case_articles_and_outer_punctuation_do_not_count(factbook: ModuleType, said: str, is_exact: bool) -> None:
    ask = Ask(("What is the area of Utopia?",), "7 sq km", Passage("", "Utopia", "0"), "0")
    assert factbook.is_exact(Answer(said, (), False, "model", (), 0, ()), ask) == is_exact


def test_the_mean_of_the_seeds_stands_beside_each(factbook: ModuleType) -> None:
    shares = dict.fromkeys((*factbook.ARMS, "citation_precision", "cpu_s"), 0.0)
    summary = factbook.summary({1: {**shares, "n_parameters": 7}, 2: {**shares, "retrieved": 0.5, "n_parameters": 7}})
    assert summary["retrieved"] == 0.25
    assert {seed: results["retrieved"] for seed, results in summary["per_seed"].items()} == {"1": 0.0, "2": 0.5}


@pytest.mark.data
def test_no_fact_of_another_country_names_one_that_is_held_out(factbook: ModuleType, tmp_path: Path) -> None:
    if "HANDSPUN_DATA" not in os.environ:
        pytest.skip("HANDSPUN_DATA names no folder")
    factbook.write_facts(tmp_path / "facts.jsonl")
    facts = [json.loads(line) for line in (tmp_path / "facts.jsonl").read_text().splitlines()]
    held_out = {fact["subject"] for fact in facts if is_held_out(fact["subject"], factbook.VAL_SHARE)}
    named = re.compile("|".join(rf"\b{re.escape(country)}\b" for country in held_out))
    assert 40 < len(held_out) < 80
    assert not [fact for fact in facts if fact["subject"] not in held_out and named.search(fact["value"])]
    per_field = Counter(fact["field"] for fact in facts)
    assert len(per_field) == len(factbook.field_names())
    assert min(per_field.values()) > 90
