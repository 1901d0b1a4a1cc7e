"""handspun evaluate: is retrieval helping? A model with an index, without it, and with wrong passages of the same index."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handspun.cli import terminal
from handspun.cli.progress import Progress
from handspun.cli.workshop import find_searcher, find_weights, require_memory
from handspun.errors import SettingsError
from handspun.recipe import Recipe, load_recipe
from handspun.runs import Run

if TYPE_CHECKING:
    from handspun.corpus.document import Question
    from handspun.generate.torch_engine import TorchEngine
    from handspun.retrieve.chunk import Chunk
    from handspun.retrieve.searcher import Searcher

ANSWER_TOKENS = 64
COUNTED_PASSAGES, COUNTED_TEXTS, SHORTEST_CHARS = 3, 60, 100


def evaluate(
    run: str,
    *overrides: str,
    index: str | None = None,
    questions: Path | None = None,
    queries: Path | None = None,
    qrels: Path | None = None,
    force: bool = False,
    json: bool = False,
) -> None:
    """Measure what an index is worth to the finished model of a run: no passage, wrong passages, retrieved passages.

    It looks at what is found, at answers to held-out questions with their citations, and at bits per byte of held-out text.
    The page and its JSON go to RUN/evaluations.

    Parameters
    ----------
    run
        A run folder, or the name of a run in runs/; with :int8 or another scheme the weights that `quantize` made.
    overrides
        Keys to set, such as evaluate.stride=16 or evaluate.n_questions=100.
    index
        The name of an index in indexes/, or its folder. Without it: the run's own index.
    questions
        A JSONL file, {"question", "answer", "source"?} a line. Without it: the held-out questions of the run.
    queries
        A JSONL file, {"id", "text"} a line, which qrels judge.
    qrels
        Judgments for the queries: JSON {"QUERY": {"DOCUMENT": GRADE}}, or TREC's lines. Without it: queries made of the index.
    force
        Go on where the planner says that there is too little memory.
    json
        Print one JSON object: retrieval, answers, text, and whether each helps.
    """
    from handspun.evaluate.index_report import index_report
    from handspun.files import write_bytes, write_json

    if (queries is None) != (qrels is None):
        raise SettingsError("queries are judged by qrels: give both --queries FILE and --qrels FILE, or neither.")
    folder, weights, scheme = find_weights(run)
    recipe, searcher = load_recipe(str(folder.path), overrides), find_searcher(index, folder)
    with closing(searcher.index):
        if not force:
            require_memory(folder, n_rows=recipe.evaluate.rows, scheme=scheme)
        facts = measured(folder, weights, recipe, searcher, questions, queries, qrels)
    name = searcher.index.folder.name
    write_json(folder.evaluations / f"{name}.json", facts)
    write_bytes(folder.evaluations / f"{name}.md", index_report(facts).encode())
    if json:
        terminal.write_json(facts)
    else:
        show(facts, folder.evaluations / f"{name}.md")


def measured(
    run: Run,
    weights: Path,
    recipe: Recipe,
    searcher: "Searcher",
    questions: Path | None,
    queries: Path | None,
    qrels: Path | None,
) -> dict[str, Any]:
    """Everything that can be measured with what there is."""
    from handspun.evaluate.exam import read_exam, read_qrels, read_queries
    from handspun.evaluate.index_evaluation import judged_facts, known_item_facts
    from handspun.evaluate.librarian import pool_of
    from handspun.generate.limits import Limits
    from handspun.generate.session import load_engine

    exam = own_questions(run, recipe) if questions is None else read_exam(questions)
    judged = None if queries is None or qrels is None else (read_queries(queries), read_qrels(qrels))
    pool = pool_of(searcher.index.store.every_chunk())
    engine = load_engine(weights, limits=Limits(max_rows=recipe.evaluate.rows))
    facts: dict[str, Any] = {"run": run.path.name, "index": searcher.index.name, "chunks": searcher.index.store.counts().chunks}
    with Progress("search", "queries") as progress:
        found = judged_facts(searcher, *judged, progress) if judged else known_item_facts(searcher, pool, progress)
        facts["retrieval"] = found
    if exam[: recipe.evaluate.n_questions]:
        facts["answers"] = answers(engine, recipe, searcher, pool, exam[: recipe.evaluate.n_questions])
    if (run.corpus / "val.jsonl").is_file() and (run.corpus / "val.jsonl").stat().st_size:
        facts["text"] = text(run, engine, recipe, searcher, pool)
    return facts


def own_questions(run: Run, recipe: Recipe) -> "list[Question]":
    """The held-out questions of the run, of the kind that its headline counts."""
    from handspun.corpus.records import read_questions

    path = run.corpus / "questions.jsonl"
    asked = read_questions(path) if path.is_file() else ()
    return [question for question in asked if question.kind == recipe.evaluate.question_kind]


def answers(
    engine: "TorchEngine", recipe: Recipe, searcher: "Searcher", pool: "Sequence[Chunk]", exam: "Sequence[Question]"
) -> dict[str, Any]:
    """Answers and citations in the three arms."""
    from handspun.evaluate.cited_answers import answer_from_index
    from handspun.evaluate.index_evaluation import answer_facts
    from handspun.generate.config import GenerateConfig
    from handspun.retrieve.answerer import Answerer

    answerer = Answerer(searcher, engine.tokenizer, engine.max_seq_len, searcher.index.config)
    settings, rows = GenerateConfig(max_new_tokens=ANSWER_TOKENS), recipe.evaluate.rows
    with Progress("questions", "answers") as progress:
        return answer_facts(answer_from_index(engine, answerer, exam, settings, pool=pool, rows=rows, on_progress=progress))


def text(run: Run, engine: "TorchEngine", recipe: Recipe, searcher: "Searcher", pool: "Sequence[Chunk]") -> dict[str, Any]:
    """Bits per byte of held-out text in the three arms, of the model and of one that only counts."""
    from handspun.corpus.records import read_documents
    from handspun.evaluate.baselines import joined
    from handspun.evaluate.counted_reader import BACKGROUND_BYTES, counted_bits
    from handspun.evaluate.in_context import drawn, in_context_bits
    from handspun.evaluate.index_evaluation import text_facts
    from handspun.evaluate.librarian import Librarian

    librarian = Librarian(searcher.search, pool, n_passages=1)
    documents, config = list(read_documents(run.corpus / "val.jsonl")), recipe.evaluate
    with Progress("text", "windows") as progress:
        seq_len = recipe.train.seq_len
        bits = in_context_bits(
            engine.model, engine.tokenizer, documents, librarian, config, seq_len=seq_len, on_progress=progress
        )
    facts = {"stride": config.stride, "query_tokens": config.query_tokens, **text_facts(bits, what="In text")}
    long = drawn([document for document in documents if len(document.text) >= SHORTEST_CHARS], COUNTED_TEXTS)
    if len(long) < 2:
        return facts
    background = joined((document.text for document in read_documents(run.corpus / "train.jsonl")), at_most=BACKGROUND_BYTES)
    with Progress("n-gram model", "texts") as progress:
        counted = counted_bits(
            background, long, replace(librarian, n_passages=COUNTED_PASSAGES), order=config.ngram_order, on_progress=progress
        )
    return {**facts, "counted": text_facts(counted, what="To a model that only counts")}


def show(facts: dict[str, Any], page: Path) -> None:
    """What was measured, and whether it helps."""
    from handspun.evaluate.index_report import answer_table, citation_sentence, retrieval_table, text_table, verdicts

    tables = {"retrieval": retrieval_table, "answers": answer_table, "text": text_table}
    for room, table in tables.items():
        if facts.get(room):
            terminal.write_line()
            terminal.table(*table(facts[room]))
    if "answers" in facts:
        terminal.write_line(f"\n{citation_sentence(facts['answers']['citations'])}")
    terminal.write_line("\nIs retrieval helping?")
    for sentence in verdicts(facts) or ["Nothing was asked: there are no held-out questions, and no text is held out."]:
        terminal.write_line(f"  {sentence}")
    terminal.write_line(f"\nThis page is in {page}.")
