"""The page that a finished run writes about itself."""

from handspun.evaluate.report import report

SHARES = {"closed_book": 0.0, "wrong_passage": 0.02, "right_passage": 0.85}
EVALUATION = {
    "val_bpb": 1.5,
    "xz_bpb": 1.75,
    "ngram_bpb": 2.0,
    "n_questions": 787,
    "exact_match": SHARES,
    "f1": SHARES,
    "abstained": {"closed_book": 1.0, "wrong_passage": 0.9, "right_passage": 0.01},
    "by_kind": [{"kind": "does", "arm": "right_passage", "n": 787, "exact_match": 0.85, "f1": 0.9}],
    "transcripts": [[{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "A\nmodel."}]],
}


def test_the_page_shows_every_measured_number() -> None:
    page = report(EVALUATION, {"train": 90.0, "evaluate": 30.0}, "2 cores of a processor")
    assert "| this model | 1.500 |" in page
    assert "| with the right passage | 85.0 % | 85.0 % | 1.0 % |" in page
    assert "| what it does | 787 | 85.0 % | 90.0 % |" in page
    assert "     user  Who are you?\nassistant  A\n           model." in page
    assert page.endswith("2.0 minutes (train 90 s, evaluate 30 s) on 2 cores of a processor.\n")


def test_a_mixture_is_shown_with_its_readings() -> None:
    mixture = [
        {"source": "hub:a/b", "share": 0.75, "tokens": 3_000_000, "readings": 0.4},
        {"source": "~/notes", "share": 0.25, "tokens": 1_000_000, "readings": 2.51},
    ]
    page = report(EVALUATION, {"train": 90.0}, "2 cores", mixture)
    assert "| hub:a/b | 75.0 % | 3,000,000 | 0.40 |\n| ~/notes | 25.0 % | 1,000,000 | 2.51 |" in page
    assert "readings" not in report(EVALUATION, {"train": 90.0}, "2 cores")


def test_what_was_not_measured_is_not_shown() -> None:
    page = report({}, {"train": 60.0}, "1 core")
    assert page == "1.0 minutes (train 60 s) on 1 core.\n"


def test_answers_through_an_index_have_a_row_a_sentence_and_their_citations() -> None:
    shares = {**SHARES, "retrieved": 0.75}
    through_index = {
        **EVALUATION,
        "exact_match": shares,
        "f1": shares,
        "abstained": {**EVALUATION["abstained"], "retrieved": 0.125},
        "citations": {"precision": 0.98, "recall": 0.9, "supported": 0.97, "at_hand": 0.99, "abstention_precision": None},
        "cited": [
            {
                "question": "What does os.open do?",
                "answer": "Open a file.",
                "supported": True,
                "citations": [
                    {"source": "python.jsonl#os.open", "start": 22, "end": 34, "quote": "Open a file.", "verified": True}
                ],
            }
        ],
    }
    page = report(through_index, {"index": 2.0}, "2 cores")
    assert "| with what its index finds | 75.0 % | 75.0 % | 12.5 % |" in page
    assert "Through the index 98.0 % of the citations point to what answers the question" in page
    assert "assistant  Open a file. [1]\n      [1]  python.jsonl#os.open, characters 22 to 34: “Open a file.”" in page
    assert "index finds" not in report(EVALUATION, {"train": 1.0}, "2 cores")
