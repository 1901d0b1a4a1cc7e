"""The evaluation asks what it should and says what it found."""

import json
from pathlib import Path

import pytest
from test_stages_pipeline import Listener

from handspun.checkpoint import load_checkpoint
from handspun.corpus.document import Question
from handspun.evaluate.answers import Answered
from handspun.evaluate.arms import READING_ARMS
from handspun.evaluate.bpb import held_out_loss
from handspun.files import read_json
from handspun.generate.config import GenerateConfig
from handspun.generate.session import load_engine
from handspun.recipe import load_recipe
from handspun.runs import Run
from handspun.stages.evaluate import headline, transcripts
from handspun.stages.pipeline import run_stages
from handspun.stages.stage import Workshop
from handspun.tokens.shards import ShardSet

QUESTIONS = [
    Question("1", "a.b", "module", "Which module has b?", "a", "a.b\nHolds words.", "c.d\nIs a page."),
    Question("2", "a.b", "does", "What does a.b do?", "Holds words.", "a.b\nHolds words.", "c.d\nIs a page."),
]


def test_the_written_measure_is_that_of_the_tuned_model_on_all_held_out_text(finished_run: Path) -> None:
    run, written = Run(finished_run), read_json(finished_run / "evaluation.json")
    checkpoint, shards = load_checkpoint(run.tuned), ShardSet(run.tokens / "val")
    loss = held_out_loss(checkpoint.load_model(), shards, checkpoint.load_tokenizer(), seq_len=64)
    assert written["val_bpb"] == pytest.approx(loss.val_bpb, abs=1e-3)
    assert written["n_bytes"] == shards.n_bytes
    assert 0 < written["ngram_bpb"] < 8 and 0 < written["xz_bpb"] < 8


def test_the_headline_has_a_share_per_arm() -> None:
    answers = [
        Answered(QUESTIONS[1], arm, "Holds words." if arm == "right_passage" else "I do not know.") for arm in READING_ARMS
    ]
    found = headline(answers)
    assert found["n_questions"] == 1
    assert found["exact_match"] == {"closed_book": 0, "wrong_passage": 0, "right_passage": 1}
    assert found["abstained"] == {"closed_book": 1, "wrong_passage": 1, "right_passage": 0}


def test_without_questions_of_its_kind_there_is_no_headline() -> None:
    assert headline([]) == {}


def test_three_conversations_are_shown_of_which_the_first_reads_a_passage(finished_run: Path) -> None:
    shown = transcripts(load_engine(finished_run / "tuned"), QUESTIONS, GenerateConfig(max_new_tokens=4))
    assert [[message["role"] for message in messages] for messages in shown] == [
        ["passage", "user", "assistant"],
        ["user", "assistant"],
        ["user", "assistant"],
    ]
    assert shown[0][1]["content"] == shown[1][0]["content"] == "What does a.b do?"


def test_a_model_that_learns_to_read_is_asked_about_subjects_it_never_saw(tiny_recipe: Path, tmp_path: Path) -> None:
    told = [
        {"subject": f"Land{n}", "field": f"{what} count", "value": str(n)} for n in range(20) for what in ("ox", "elk", "owl")
    ]
    (tmp_path / "facts.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in told))
    named = f'["reader:{tmp_path / "facts.jsonl"}"]'
    overrides = (f"corpus.sources={named}", f"corpus.conversations={named}", "evaluate.question_kind=reading")
    shape = ("train.seq_len=128", "train.micro_batch=2", "model.max_seq_len=192")
    run = Run(tmp_path / "run")
    workshop = Workshop(load_recipe(str(tiny_recipe), (*overrides, *shape)), run, Listener())
    for _ in run_stages(workshop):
        pass
    measured = read_json(run.evaluation_path)
    assert measured["n_questions"] % 3 == 0 and 0 < measured["n_questions"] < 30
    assert measured["exact_match"].keys() == set(READING_ARMS)
