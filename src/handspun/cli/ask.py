"""handspun ask: a question answered out of an index, with citations that hold."""

import re
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from handspun.cli import terminal
from handspun.cli.answer_text import as_json, show_answer, show_sent
from handspun.cli.generate import OVERRIDE, check_prompts, generate_config, read_text
from handspun.cli.interrupt import INTERRUPTED, ends_at_once
from handspun.cli.workshop import find_searcher, find_weights, folder_of, mention_base_model, require_memory
from handspun.errors import RunError, SettingsError
from handspun.generate.limits import Limits

if TYPE_CHECKING:
    from handspun.retrieve.answer import Answer
    from handspun.retrieve.searcher import Searcher

KEY = re.compile(r"[a-z]\w*(\.\w+)*=\S*")
"""A word that sets a key and asks nothing, whatever table the key is of."""


def ask(
    run: str | None = None,
    *questions: str,
    index: str | None = None,
    extractive: bool = False,
    show: bool = False,
    force: bool = False,
    json: bool = False,
) -> None:
    """Answer questions out of an index, and say where the answers stand.

    Parameters
    ----------
    run
        A run folder, or the name of a run in runs/; with :int8 or another scheme the weights that `quantize` made. With
        --extractive and --index it may be left out, because no model is asked.
    questions
        What to ask; and keys to set, such as generate.temperature=0.8. Without a question, standard input is one.
    index
        What to look it up in: the name of an index in indexes/, or its folder. Without it: the run's own index.
    extractive
        Answer with the best sentence that is found instead of asking the model.
    show
        Print what the model was given to read: which chunks, how many tokens, what was cut.
    force
        Go on where the planner says that there is too little memory.
    json
        Print one JSON object: the answer, its citations, whether they support it, and what was sent. Of several questions: a
        list of them.
    """
    with ends_at_once(INTERRUPTED, signal.SIGINT):
        named, words = run_and_words(run, questions, is_run_needed=index is None or not extractive)
        overrides = [word for word in words if OVERRIDE.match(word) or KEY.fullmatch(word)]
        check_keys(overrides, is_model_asked=not extractive)
        asked = [word for word in words if word not in overrides] or [read_text(sys.stdin.read).strip()]
        check_prompts(asked, may_be_empty=False)
        answers = found(named, asked, overrides, index, extractive=extractive, force=force)
        if json:
            objects = [as_json(question, answer) for question, answer in zip(asked, answers)]
            terminal.write_json(objects[0] if len(objects) == 1 else {"answers": objects})
            return
        for question, answer in zip(asked, answers):
            show_answer(answer, question if len(asked) > 1 else None)
            if show:
                show_sent(answer)


def run_and_words(run: str | None, words: Sequence[str], *, is_run_needed: bool) -> tuple[str | None, Sequence[str]]:
    """The name of the run, and the other words; without a run the first word is one of them. Raises RunError."""
    if is_run_needed and run is None:
        raise RunError("no run was named: `handspun ask RUN QUESTION`; only --extractive with --index NAME needs none.")
    if run is None or (not is_run_needed and folder_of(run) is None):
        return None, [*([run] if run is not None else []), *words]
    find_weights(run)
    return run, words


def check_keys(overrides: Sequence[str], *, is_model_asked: bool) -> None:
    """Raises SettingsError for a key that would change nothing here."""
    for override in overrides:
        if not is_model_asked or not override.startswith("generate."):
            taken = "override keys of [generate]" if is_model_asked else "no model is asked with --extractive"
            raise SettingsError(
                f"{override} changes nothing here: {taken}; `handspun index sync NAME KEY=VALUE` sets those of an index."
            )


def found(
    run: str | None, questions: Sequence[str], overrides: Sequence[str], index: str | None, *, extractive: bool, force: bool
) -> "list[Answer]":
    """The answers, by the model of a run or by looking up alone."""
    if run is None or extractive:
        folder = find_weights(run)[0] if run else None
        return extracts(find_searcher(index, folder), questions)
    folder, weights, scheme = find_weights(run)
    config, searcher = generate_config(folder, overrides), find_searcher(index, folder)
    mention_base_model(folder)
    from handspun.generate.session import open_engine
    from handspun.retrieve.answerer import Answerer, ask_all

    limits = Limits(max_rows=min(len(questions), Limits().max_rows))
    if not force:
        require_memory(folder, n_rows=limits.max_rows, scheme=scheme)
    engine = open_engine(weights, config.engine, limits)
    answerer = Answerer(searcher, engine.tokenizer, engine.max_seq_len, searcher.index.config)
    return ask_all(engine, answerer, questions, config)


def extracts(searcher: "Searcher", questions: Sequence[str]) -> "list[Answer]":
    """The best sentence for each question."""
    from handspun.retrieve.extract import extract

    return [extract(question, searcher, searcher.search(question)) for question in questions]
