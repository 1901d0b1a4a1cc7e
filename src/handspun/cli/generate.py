"""handspun generate: replies or continuations from a trained model, for people and for scripts."""

import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handspun.cli import terminal
from handspun.cli.interrupt import INTERRUPTED, ends_at_once
from handspun.cli.workshop import find_weights, mention_base_model, require_memory
from handspun.errors import PromptError, SettingsError
from handspun.files import reason
from handspun.generate.config import GenerateConfig
from handspun.generate.limits import Limits
from handspun.recipe import Recipe, load_recipe
from handspun.runs import Run
from handspun.settings import settings_fields

if TYPE_CHECKING:
    from handspun.generate.engine import Engine
    from handspun.generate.request import Reply

OVERRIDE = re.compile(rf"({'|'.join(table.name for table in settings_fields(Recipe))})\.\w+=")


def generate(
    run: str, *prompts: str, passage: tuple[str, ...] = (), text: bool = False, force: bool = False, json: bool = False
) -> None:
    """Reply to one or more prompts, all at once.

    Parameters
    ----------
    run
        A run folder, or the name of a run in runs/; with :int8 or another scheme the weights that `quantize` made.
    prompts
        What to say to the model; and keys to set, such as generate.temperature=0.8. Without a prompt, standard input is one.
    passage
        A text, or @FILE, for the model to read before each prompt.
    text
        Continue the prompts as plain text instead of replying to them.
    force
        Go on where the planner says that there is too little memory.
    json
        Print one JSON object: for each prompt the reply, why it ended, and per token where in the prompt it was copied from.
    """
    with ends_at_once(INTERRUPTED, signal.SIGINT):
        reply_to(run, prompts, passage, text=text, force=force, json=json)


def reply_to(run: str, words: Sequence[str], passage: Sequence[str], *, text: bool, force: bool, json: bool) -> None:
    """Read what was asked, let the model write, and print it."""
    if text and passage:
        raise PromptError(f'--passage "{passage[0]}" is read before a message, and --text sends none; leave one of them out.')
    if len(passage) > 1:
        raise PromptError(
            f"--passage is given {len(passage)} times, and a prompt has one; join them in a file: --passage @FILE."
        )
    folder, weights, scheme = find_weights(run)
    overrides = [prompt for prompt in words if OVERRIDE.match(prompt)]
    spoken = [prompt for prompt in words if not OVERRIDE.match(prompt)] or [read_text(sys.stdin.read).strip()]
    config, read_first = generate_config(folder, overrides), passage_text(passage[0]) if passage else None
    check_prompts(spoken, may_be_empty=text)
    if not text:
        mention_base_model(folder)
    from handspun.generate.session import open_engine

    limits = Limits(max_rows=min(len(spoken), Limits().max_rows))
    if not force:
        require_memory(folder, n_rows=limits.max_rows, scheme=scheme)
    engine = open_engine(weights, config.engine, limits)
    asked = [continued(engine, prompt) if text else asked_for(engine, prompt, read_first) for prompt in spoken]
    replies = engine.generate(asked, config)
    if json:
        terminal.write_json({"replies": [as_json(engine, prompt, reply) for prompt, reply in zip(spoken, replies)]})
    else:
        for prompt, reply in zip(spoken, replies):
            terminal.write_line(prompt + reply.text if text else reply.text)


def generate_config(run: Run, overrides: Sequence[str]) -> GenerateConfig:
    """How a run generates, with overrides. Raises SettingsError, also for a key that would change nothing here."""
    for override in overrides:
        if not override.startswith("generate."):
            raise SettingsError(f"{override} changes nothing in a trained model; override keys of [generate].")
    return load_recipe(str(run.path), overrides).generate


def check_prompts(prompts: Sequence[str], *, may_be_empty: bool) -> None:
    """Raises PromptError for one that says nothing, or is no text."""
    for number, prompt in enumerate(prompts, start=1):
        which = f"prompt {number} of {len(prompts)}" if len(prompts) > 1 else "the prompt"
        if not prompt and not may_be_empty:
            raise PromptError(f"{which} is empty; write at least one character.")
        if not is_text(prompt):
            raise PromptError(f"{which} is not UTF-8; write it in that encoding.")


def is_text(words: str) -> bool:
    """Whether what was typed could be decoded: Python keeps the bytes of an argument that are no UTF-8 as half characters."""
    return not any("\ud800" <= character <= "\udfff" for character in words)


def read_text(read: Callable[[], str]) -> str:
    """What standard input holds. Raises PromptError where it is no text."""
    try:
        return read()
    except UnicodeDecodeError as error:
        raise PromptError(f"standard input cannot be read ({reason(error)}); send UTF-8 text.") from error


def passage_text(passage: str) -> str:
    """The passage itself, read from its file where it is given as @FILE. Raises PromptError."""
    if not passage.startswith("@"):
        return passage
    path = Path(passage[1:])
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"the passage {passage} cannot be read ({reason(error)}); name a UTF-8 text file.") from error


def asked_for(engine: "Engine", prompt: str, passage: str | None) -> list[int]:
    """The ids of a message, with its passage, and of the opening of the reply."""
    from handspun.corpus.document import Message
    from handspun.tokens.chat import render

    messages = [*([Message("passage", passage)] if passage else []), Message("user", prompt)]
    return render(engine.tokenizer, messages, open_reply=True).ids.tolist()


def continued(engine: "Engine", prompt: str) -> list[int]:
    """The ids of a document that begins with the prompt."""
    return [engine.tokenizer.end_of_text, *engine.tokenizer.encode(prompt)]


def as_json(engine: "Engine", prompt: str, reply: "Reply") -> dict[str, Any]:
    """A reply with the tokens it is made of."""
    return {
        "prompt": prompt,
        "reply": reply.text,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": [engine.tokenizer.spelled(id) for id in reply.prompt_ids],
        "tokens": [
            {"text": token.text, "log_prob": round(token.log_prob, 4), "copied_from": token.copied_from}
            for token in reply.tokens
        ],
    }
