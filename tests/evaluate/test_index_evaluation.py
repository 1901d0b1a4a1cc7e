"""What an index is worth is counted by documents and told in words."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from handspun.corpus.document import Question
from handspun.evaluate.arms import INDEX_ARMS, Arm, ArmBits
from handspun.evaluate.cited_answers import CitedAnswer
from handspun.evaluate.index_evaluation import answer_facts, judged_facts, known_item_facts, text_facts
from handspun.evaluate.index_report import citation_sentence, example_lines, index_report
from handspun.retrieve.answer import Answer, unknown
from handspun.retrieve.citation import Citation
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.index import Index
from handspun.retrieve.ingest import sync
from handspun.retrieve.searcher import Searcher

ANIMALS = ["owl", "fox", "hen", "eel", "bee", "cat"]


@pytest.fixture
def searcher(tmp_path: Path) -> Iterator[Searcher]:
    """An index in which each animal has a long text of its own words, in more than one chunk."""
    rng, notes = np.random.default_rng(0), tmp_path / "notes"
    notes.mkdir()
    for animal in ANIMALS:
        words = ["".join(rng.choice(list("bcdfgaeiou"), 6)) for _ in range(200)]
        (notes / f"{animal}.md").write_text(f"The {animal}. " + ". ".join(map(str.capitalize, words)) + ".")
    index = Index.create(tmp_path / "index", RetrieveConfig(embedder="none", chunk_tokens=200), [notes])
    sync(index)
    yield Searcher(index)
    index.close()


def test_a_document_counts_once_where_its_first_chunk_was_found(searcher: Searcher) -> None:
    queries = {animal: f"The {animal}." for animal in ANIMALS} | {"unjudged": "owl"}
    found = judged_facts(searcher, queries, {animal: {f"{animal}.md": 1} for animal in ANIMALS})
    assert (found["queries"], found["judged_by"], found["ndcg_at_10"], found["mrr"]) == (6, "qrels", 1, 1)
    nowhere = judged_facts(searcher, queries, {"owl": {"gone.md": 1}})
    assert (nowhere["ndcg_at_10"], nowhere["recall_at_100"]) == (0, 0)


def test_without_judgments_questions_are_made_of_the_index_itself(searcher: Searcher) -> None:
    chunks = list(searcher.index.store.every_chunk())
    found = known_item_facts(searcher, chunks)
    assert found["judged_by"] == "known items" and 0 < found["queries"] <= len(chunks)
    assert found["mrr"] > 0.9
    assert known_item_facts(searcher, []) == {}


def answers(arm: Arm, text: str, *citations: Citation) -> list[CitedAnswer]:
    """The same answer to thirty questions."""
    said = Answer(text, citations, bool(citations), "model") if text else unknown([])
    return [CitedAnswer(Question(str(n), "owl.md", "", "What?", "Hunts.", "", ""), arm, said, True) for n in range(30)]


HUNTS = Citation("owl.md", 8, 14, "Hunts.", True, "", None, "id", 0, 6)


def test_answers_that_only_retrieved_passages_make_right_are_a_yes() -> None:
    facts = answer_facts([*answers("closed_book", ""), *answers("wrong_passage", ""), *answers("retrieved", "Hunts.", HUNTS)])
    assert facts["exact_match"] == {"closed_book": 0, "wrong_passage": 0, "retrieved": 1}
    assert facts["citations"]["precision"] == 1 and facts["gain"]["wrong_passage"]["mean"] == 1
    assert facts["helps"].startswith("In answers: yes. Exact match gains 100.0 points")


def test_answers_that_are_right_anyhow_are_a_no() -> None:
    facts = answer_facts([item for arm in INDEX_ARMS for item in answers(arm, "Hunts.")])
    assert facts["helps"].startswith("In answers: no, or not for certain. Exact match gains 0.0 points")


def test_bits_that_wrong_passages_save_as_well_are_a_no() -> None:
    rng = np.random.default_rng(0)
    none, size = rng.uniform(200, 400, 40), np.full(40, 100.0)
    saved = none - 50 + rng.normal(0, 5, 40)
    facts = text_facts(ArmBits({"closed_book": none, "wrong_passage": saved, "retrieved": saved + 0.01}, size), what="In text")
    assert facts["gain"]["closed_book"]["mean"] == pytest.approx(0.5, abs=0.05)
    assert not facts["helps"].startswith("In text: yes")
    both = text_facts(ArmBits({"closed_book": none, "wrong_passage": saved, "retrieved": saved - 20}, size), what="In text")
    assert both["helps"].startswith("In text: yes. Retrieved passages save 0.6")
    assert (both["n_texts"], both["n_bytes"]) == (40, 4000)


def test_the_page_shows_what_was_measured_and_nothing_else() -> None:
    retrieval = {"queries": 6, "judged_by": "qrels", "ndcg_at_10": 0.9, "recall_at_10": 1.0, "recall_at_100": 1.0, "mrr": 0.8}
    bare = index_report({"run": "r", "index": "i", "chunks": 3, "retrieval": retrieval})
    assert "| 6 queries, judged by qrels | nDCG@10" in bare and "exact match" not in bare
    full = answer_facts([*answers("closed_book", ""), *answers("wrong_passage", ""), *answers("retrieved", "Hunts.", HUNTS)])
    page = index_report({"run": "r", "index": "i", "chunks": 3, "retrieval": retrieval, "answers": full})
    assert "| retrieved passages | 100.0 % | 100.0 % | 0.0 % |" in page
    assert "assistant  Hunts. [1]" in page and "[1]  owl.md, characters 8 to 14: “Hunts.”" in page


def test_what_is_not_cited_is_shown_as_that() -> None:
    nothing = {"question": "What?", "answer": "Digs.", "supported": False, "citations": []}
    assert example_lines(nothing) == [("user", "What?"), ("assistant", "Digs. (nothing is cited)")]
    assert citation_sentence({"precision": None, "supported": 0.0}) == "Through the index nothing was cited."
