"""handspun evaluate: is retrieval helping? A model with an index, without it, and with wrong passages."""

from contextlib import closing
from pathlib import Path
from typing import Any

from handspun.cli import terminal
from handspun.cli.workshop import TerminalReporter, find_searcher, find_weights, require_memory
from handspun.errors import SettingsError
from handspun.recipe import load_recipe


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
    if (queries is None) != (qrels is None):
        raise SettingsError("queries are judged by qrels: give both --queries FILE and --qrels FILE, or neither.")
    folder, weights, scheme = find_weights(run)
    recipe, searcher = load_recipe(str(folder.path), overrides), find_searcher(index, folder)
    from handspun.evaluate.exam import read_exam, read_qrels, read_queries
    from handspun.evaluate.index_report import index_report
    from handspun.files import write_bytes, write_json
    from handspun.generate.limits import Limits
    from handspun.generate.session import load_engine
    from handspun.stages.examination import Examination

    with closing(searcher.index):
        exam = None if questions is None else read_exam(questions)
        judged = None if queries is None or qrels is None else (read_queries(queries), read_qrels(qrels))
        if not force:
            require_memory(folder, n_rows=recipe.evaluate.rows, scheme=scheme)
        engine = load_engine(weights, limits=Limits(max_rows=recipe.evaluate.rows))
        facts = Examination(folder, recipe, engine, searcher, TerminalReporter()).facts(exam, judged)
    name = searcher.index.folder.name
    write_json(folder.evaluations / f"{name}.json", facts)
    write_bytes(folder.evaluations / f"{name}.md", index_report(facts).encode())
    if json:
        terminal.write_json(facts)
    else:
        show(facts, folder.evaluations / f"{name}.md")


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
