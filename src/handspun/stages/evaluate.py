"""The stage that measures the finished model: held-out text against baselines, and questions it was never asked."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from handspun.checkpoint import Checkpoint, load_checkpoint
from handspun.corpus.document import Message, Question
from handspun.corpus.pipeline import read_documents, read_questions
from handspun.device import choose_device
from handspun.evaluate.answers import ARMS, Answered, answer_all, prompt, scores
from handspun.evaluate.baselines import joined, ngram_bpb, xz_bpb
from handspun.evaluate.bpb import held_out_loss
from handspun.files import MANIFEST, sha256, write_json
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine
from handspun.runs import Run
from handspun.stages.stage import Stage, Workshop
from handspun.stages.tokenize import held_out_shards
from handspun.stages.train import compute_dtype
from handspun.tokens.chat import render

ANSWER_TOKENS = 64


def finished_model(run: Run) -> Checkpoint:
    """The tuned model where there is one, else the pretrained one. Raises CheckpointError."""
    return load_checkpoint(run.finished)


def model_hashes(workshop: Workshop) -> Mapping[str, str]:
    """The newest checkpoint's and the corpus's hashes."""
    run = workshop.run
    return {
        "model": sha256(finished_model(run).folder / MANIFEST),
        "corpus": sha256(run.corpus / MANIFEST),
    }


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:  # noqa: ARG001
    """Measure, write evaluation.json, and return its headline."""
    run = workshop.run
    facts: dict[str, Any] = {}
    if (run.tokens / "val").is_dir():
        facts |= text_facts(workshop)
    questions = asked_questions(workshop)
    if questions:
        facts |= question_facts(workshop, questions)
    write_json(run.evaluation_path, facts)
    return {key: value for key, value in facts.items() if key not in ("transcripts", "by_kind")}


def text_facts(workshop: Workshop) -> dict[str, Any]:
    """Bits per byte of the model, of xz and of the n-gram model on the same held-out documents."""
    recipe, run = workshop.recipe, workshop.run
    with workshop.reporter.progress("baselines", "") as _:
        train, held_out = (joined(d.text for d in read_documents(run.corpus / name)) for name in ("train.jsonl", "val.jsonl"))
        n_bytes = held_out_shards(run).n_bytes
        baselines = {
            "xz_bpb": round(xz_bpb(train, held_out, n_bytes), 4),
            "ngram_bpb": round(ngram_bpb(train, held_out, n_bytes, order=recipe.evaluate.ngram_order), 4),
        }
    checkpoint = finished_model(run)
    model = checkpoint.load_model(compute_dtype=compute_dtype(recipe.train, choose_device()))
    with workshop.reporter.progress("held-out text", "tokens") as progress:
        shards, tokenizer = held_out_shards(run), checkpoint.load_tokenizer()
        loss = held_out_loss(model, shards, tokenizer, seq_len=recipe.train.seq_len, on_progress=progress)
    return {"val_bpb": round(loss.val_bpb, 4), **baselines, "n_bytes": loss.n_bytes}


def asked_questions(workshop: Workshop) -> list[Question]:
    """The held-out questions, at most n_questions of each kind."""
    path = workshop.run.corpus / "questions.jsonl"
    everything = sorted(read_questions(path), key=lambda question: question.kind) if path.is_file() else []
    limit = workshop.recipe.evaluate.n_questions
    return [question for _, group in groupby(everything, key=lambda question: question.kind) for question in list(group)[:limit]]


def question_facts(workshop: Workshop, questions: Sequence[Question]) -> dict[str, Any]:
    """Exact match, F1 and abstentions in three arms, and a few transcripts."""
    recipe, checkpoint = workshop.recipe, finished_model(workshop.run)
    model = checkpoint.load_model(compute_dtype=compute_dtype(recipe.train, choose_device()))
    engine = Engine(model, checkpoint.load_tokenizer())
    settings = GenerateConfig(max_new_tokens=ANSWER_TOKENS)
    with workshop.reporter.progress("questions", "answers") as progress:
        answered = answer_all(engine, questions, settings, rows=recipe.evaluate.rows, on_progress=progress)
    found = scores(answered)
    headline = {arm: found[recipe.evaluate.question_kind, arm] for arm in ARMS}
    return {
        "n_questions": headline["right_passage"].n_questions,
        "exact_match": {arm: round(score.exact_match, 4) for arm, score in headline.items()},
        "f1": {arm: round(score.f1, 4) for arm, score in headline.items()},
        "abstained": {arm: round(score.abstained, 4) for arm, score in headline.items()},
        "by_kind": [
            {"kind": kind, "arm": arm, "n": s.n_questions, "exact_match": round(s.exact_match, 4), "f1": round(s.f1, 4)}
            for (kind, arm), s in sorted(found.items())
        ],
        "transcripts": transcripts(engine, answered, settings),
    }


def transcripts(engine: Engine, answered: Sequence[Answered], settings: GenerateConfig) -> list[list[dict[str, str]]]:
    """A held-out question with its passage, the same without, and a greeting: each as messages, replies included."""
    questions = [item.question for item in answered if item.arm == "right_passage" and item.question.kind == "does"]
    first = min(questions, key=lambda question: (abs(len(question.passage) - 200), question.id))
    conversations = [prompt(first, "right_passage"), prompt(first, "closed_book"), [Message("user", "Hello! Who are you?")]]
    asked = [render(engine.tokenizer, messages, open_reply=True).ids.tolist() for messages in conversations]
    replies = engine.generate(asked, settings)
    return [
        [{"role": m.role, "content": m.content} for m in (*messages, Message("assistant", reply.text))]
        for messages, reply in zip(conversations, replies)
    ]


EVALUATE = Stage(
    name="evaluate",
    tables=["evaluate"],
    rooms=["model", "generate", "evaluate"],
    inputs=model_hashes,
    outputs=lambda run: [run.evaluation_path],
    work=work,
)
