"""The stage that measures the finished model: held-out text against baselines, and questions it was never asked.

Where the run has an index of its own, the questions are answered out of it, too.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Any

from handspun.checkpoint import load_checkpoint
from handspun.corpus.document import Message, Question
from handspun.corpus.pipeline import read_documents, read_questions
from handspun.evaluate.answers import Answered, answer_all, prompt, scores
from handspun.evaluate.baselines import PRIMER_BYTES, joined, ngram_bpb, xz_bpb
from handspun.evaluate.bpb import held_out_loss
from handspun.evaluate.cited_answers import CitedAnswer, answer_from_index, citation_score
from handspun.evaluate.index_report import examples, shares_of
from handspun.files import MANIFEST, sha256, write_json
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine
from handspun.generate.limits import Limits
from handspun.generate.session import load_engine
from handspun.generate.torch_engine import TorchEngine
from handspun.retrieve.answerer import Answerer
from handspun.retrieve.index import Index
from handspun.retrieve.searcher import Searcher
from handspun.stages.curate import text_hashes
from handspun.stages.memory import check_evaluation
from handspun.stages.stage import Stage, Workshop
from handspun.stages.tokenize import held_out_shards
from handspun.stages.train import compute_dtype, pretrained
from handspun.stages.tune import tuned
from handspun.tokens.chat import render

TEXTS = ("train.jsonl", "val.jsonl", "questions.jsonl")
ANSWER_TOKENS = 64
PASSAGE_CHARS = 200
"""A passage of about this length is short enough to show and long enough to be worth reading."""


def finished(workshop: Workshop) -> Path:
    """The checkpoint that the recipe ends with."""
    return tuned(workshop) if workshop.recipe.tune else pretrained(workshop)


def model_hashes(workshop: Workshop) -> Mapping[str, str]:
    """The hashes of the finished checkpoint and of the texts it is measured on, and the key of the index, where there is one.

    Raises DamagedFileError or CheckpointError.
    """
    checkpoint = load_checkpoint(finished(workshop))
    index = {"index": workshop.run.stages()["index"]["key"]} if workshop.recipe.retrieve else {}
    return {"model": sha256(checkpoint.folder / MANIFEST), **text_hashes(workshop.run, *TEXTS), **index}


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:  # noqa: ARG001
    """Measure, write evaluation.json, and return its headline."""
    dtype = compute_dtype(workshop.recipe.train, finished(workshop).parent)
    engine = load_engine(finished(workshop), dtype, Limits(max_rows=workshop.recipe.evaluate.rows))
    facts: dict[str, Any] = {}
    if workshop.recipe.corpus.val_share:
        facts |= text_facts(workshop, engine)
    if questions := asked_questions(workshop):
        facts |= question_facts(workshop, engine, questions)
    write_json(workshop.run.evaluation_path, facts)
    return {key: value for key, value in facts.items() if key not in ("transcripts", "by_kind", "cited")}


def text_facts(workshop: Workshop, engine: TorchEngine) -> dict[str, Any]:
    """Bits per byte of the model, of xz and of the n-gram model on the same held-out documents."""
    recipe, corpus, shards = workshop.recipe, workshop.run.corpus, held_out_shards(workshop.run)
    with workshop.reporter.progress("baselines", ""):
        train = joined((document.text for document in read_documents(corpus / "train.jsonl")), at_most=PRIMER_BYTES)
        held_out = joined(document.text for document in read_documents(corpus / "val.jsonl"))
        xz = xz_bpb(train, held_out, shards.n_bytes)
        ngram = ngram_bpb(train, held_out, shards.n_bytes, order=recipe.evaluate.ngram_order)
    with workshop.reporter.progress("held-out text", "tokens") as progress:
        loss = held_out_loss(engine.model, shards, engine.tokenizer, seq_len=recipe.train.seq_len, on_progress=progress)
    bpb = {"val_bpb": loss.val_bpb, "xz_bpb": xz, "ngram_bpb": ngram}
    return {**{name: round(value, 4) for name, value in bpb.items()}, "n_bytes": loss.n_bytes}


def asked_questions(workshop: Workshop) -> list[Question]:
    """The held-out questions, at most n_questions of each kind."""
    path = workshop.run.corpus / "questions.jsonl"
    everything = sorted(read_questions(path), key=attrgetter("kind")) if path.is_file() else []
    kinds = groupby(everything, key=attrgetter("kind"))
    return [question for _, group in kinds for question in islice(group, workshop.recipe.evaluate.n_questions)]


def question_facts(workshop: Workshop, engine: Engine, questions: Sequence[Question]) -> dict[str, Any]:
    """Exact match, F1 and abstentions in three arms, for the headline's kind and for every kind, and a few transcripts.

    Questions of the headline's kind are answered out of the run's own index, too, where it has one.
    """
    config, settings = workshop.recipe.evaluate, GenerateConfig(max_new_tokens=ANSWER_TOKENS)
    with workshop.reporter.progress("questions", "answers") as progress:
        answered = answer_all(engine, questions, settings, rows=config.rows, on_progress=progress)
    counted = [question for question in questions if question.kind == config.question_kind]
    cited = looked_up(workshop, engine, counted, settings) if workshop.recipe.retrieve and counted else []
    answered += [item.answered for item in cited]
    return {
        **headline([item for item in answered if item.question.kind == config.question_kind]),
        **({"citations": shares_of(citation_score(cited)), "cited": examples(cited)} if cited else {}),
        "by_kind": [
            {"kind": kind, "arm": arm, "n": s.n_questions, "exact_match": round(s.exact_match, 4), "f1": round(s.f1, 4)}
            for (kind, arm), s in sorted(scores(answered).items())
        ],
        "transcripts": transcripts(engine, questions, settings),
    }


def looked_up(workshop: Workshop, engine: Engine, questions: Sequence[Question], settings: GenerateConfig) -> list[CitedAnswer]:
    """The questions answered through the run's own index."""
    rows = workshop.recipe.evaluate.rows
    with closing(Index.open(workshop.run.index)) as index, workshop.reporter.progress("index", "answers") as progress:
        answerer = Answerer(Searcher(index), engine.tokenizer, engine.max_seq_len, index.config)
        return answer_from_index(engine, answerer, questions, settings, arms=("retrieved",), rows=rows, on_progress=progress)


def headline(answered: Sequence[Answered]) -> dict[str, Any]:
    """How many questions of one kind there were, and the shares in each arm; nothing where there were none."""
    by_arm = {arm: score for (_, arm), score in scores(answered).items()}
    if not by_arm:
        return {}
    shares = ("exact_match", "f1", "abstained")
    return {
        "n_questions": by_arm["right_passage"].n_questions,
        **{share: {arm: round(getattr(score, share), 4) for arm, score in by_arm.items()} for share in shares},
    }


def transcripts(engine: Engine, questions: Sequence[Question], settings: GenerateConfig) -> list[list[dict[str, str]]]:
    """A held-out question with its passage, the same without, and a greeting: each as messages, replies included."""
    first = min(questions, key=lambda question: (question.kind != "does", abs(len(question.passage) - PASSAGE_CHARS)))
    conversations = [prompt(first, "right_passage"), prompt(first, "closed_book"), [Message("user", "Who are you?")]]
    asked = [render(engine.tokenizer, messages, open_reply=True).ids.tolist() for messages in conversations]
    replies = engine.generate(asked, settings)
    return [
        [{"role": m.role, "content": m.content} for m in (*messages, Message("assistant", reply.text))]
        for messages, reply in zip(conversations, replies)
    ]


EVALUATE = Stage(
    name="evaluate",
    tables=["evaluate"],
    rooms=["model", "generate", "retrieve", "evaluate"],
    inputs=model_hashes,
    outputs=lambda workshop: [workshop.run.evaluation_path],
    beside=lambda workshop: [workshop.run.report_path],
    work=work,
    check=check_evaluation,
)
