"""handspun quantize: a finished model in fewer bits, and what that loses."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handspun.cli import terminal
from handspun.cli.progress import Progress
from handspun.cli.workshop import find_run, require_memory
from handspun.errors import QuantizeError, SettingsError
from handspun.files import reason
from handspun.quantize.config import LIMITS, QuantizeConfig
from handspun.recipe import load_recipe
from handspun.runs import Run
from handspun.settings import apply_overrides, build, settings_fields

if TYPE_CHECKING:
    import numpy as np

    from handspun.checkpoint import Checkpoint


def quantize(run: str, *overrides: str, force: bool = False, json: bool = False) -> None:
    """Store the finished model of a run in fewer bits, measure what that loses, and keep it where it is little.

    It is kept in RUN/quantized/SCHEME, and served, asked and talked to as RUN:SCHEME.

    Parameters
    ----------
    run
        A run folder, or the name of a run in runs/.
    overrides
        Keys to set: scheme=int8 (or int4, bf16), text=FILE, max_tokens=16384, max_kl=KL. Without max_kl a mean divergence of
        0.001 (bf16), 0.005 (int8) or 0.1 (int4) nats per token is refused.
    force
        Keep the result even where it loses more than max_kl, and go on where the planner says that there is too little memory.
    json
        Print one JSON object: the folder, bytes and bits per byte before and after, and how predictions differ.
    """
    config = quantize_config(overrides)
    found = find_run(run)
    if not force:
        require_memory(found, n_rows=1)
    with found.lock():
        facts = quantized(found, config, is_forced=force)
    if json:
        terminal.write_json(facts)
        return
    terminal.say(f"kept in {facts['folder']}: `handspun chat {run}:{config.scheme}` talks to it")
    terminal.table(["", "before", "after"], [["bytes", facts["bytes_before"], facts["bytes_after"]], bpb_row(facts)])
    terminal.table(["kl_mean", "kl_p99", "top1_agreement"], [[facts[key] for key in ("kl_mean", "kl_p99", "top1_agreement")]])


def quantize_config(words: Sequence[str]) -> QuantizeConfig:
    """What the words on the command line set. Raises SettingsError."""
    keys = [key.name for key in settings_fields(QuantizeConfig)]
    for word in words:
        key, equals, _ = word.partition("=")
        if word in LIMITS:
            raise SettingsError(f"{word} is the value of a key; write scheme={word}.")
        if not equals or key not in keys:
            raise SettingsError(f"{word} sets nothing here; the keys are {', '.join(keys)}, each given as KEY=VALUE.")
    return build(QuantizeConfig, apply_overrides({}, words))


def bpb_row(facts: dict[str, Any]) -> list[Any]:
    """A line of the table."""
    return ["bits per byte", facts["bpb_before"], facts["bpb_after"]]


def quantized(run: Run, config: QuantizeConfig, *, is_forced: bool) -> dict[str, Any]:
    """Quantize, measure and keep. Raises QuantizeError where it loses too much."""
    from handspun.checkpoint import Checkpoint, load_checkpoint, new_quantized
    from handspun.files import MANIFEST, sha256
    from handspun.quantize.folder import Quantization, copy_companions, write_quantization, write_weights

    source, target = load_checkpoint(run.finished), run.quantized / config.scheme
    ids = held_out_ids(run, config, source)
    with new_quantized(target) as folder:
        with Progress(f"quantize to {config.scheme}", unit="weights") as progress:
            formats = write_weights(folder, source.weights, config.scheme, progress)
        copy_companions(source.folder, folder)
        unmeasured = Quantization(config.scheme, formats, sha256(source.folder / MANIFEST), {})
        write_quantization(folder, unmeasured)
        facts = {"folder": str(target), "scheme": config.scheme, **sizes(source, Checkpoint(folder))}
        facts |= losses(run, source, Checkpoint(folder), ids)
        if facts["kl_mean"] > config.limit and not is_forced:
            earlier = f"; {target} stays as it was made before" if target.is_dir() else ""
            raise QuantizeError(
                f"{config.scheme} moves the predictions of {run.path} by {facts['kl_mean']:.4f} nats per token and more than "
                f"{config.limit:g} is refused; take a scheme with more bits, or keep it all the same with --force{earlier}."
            )
        write_quantization(folder, Quantization(config.scheme, formats, unmeasured.made_of, facts))
    return facts


def sizes(source: "Checkpoint", reduced: "Checkpoint") -> dict[str, int]:
    """Bytes of the weights before and after."""
    before, after = (sum(w.nbytes for w in c.weights.blueprint().values()) for c in (source, reduced))
    return {"bytes_before": before, "bytes_after": after}


def held_out_ids(run: Run, config: QuantizeConfig, source: "Checkpoint") -> "np.ndarray":
    """The tokens to measure on. Raises QuantizeError where there are none."""
    import numpy as np

    if config.text is not None:
        tokenizer = source.load_tokenizer()
        try:
            text = Path(config.text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise QuantizeError(f"text={config.text} cannot be read ({reason(error)}); name a UTF-8 text file.") from error
        ids = np.array([tokenizer.end_of_text, *tokenizer.encode(text)])[: config.max_tokens]
    elif load_recipe(str(run.path)).corpus.val_share:
        from handspun.stages.tokenize import held_out_shards

        shards = held_out_shards(run)
        ids = shards.tokens(0, min(config.max_tokens, shards.n_tokens))
    else:
        raise QuantizeError(f"{run.path} holds out no text to measure on; name one that it was not trained on: text=FILE.")
    if len(ids) < 2:
        raise QuantizeError(f"there is no text to measure on in {config.text or run.tokens}; name another with text=FILE.")
    return ids


def losses(run: Run, source: "Checkpoint", reduced: "Checkpoint", ids: "np.ndarray") -> dict[str, Any]:
    """How the predictions of both differ."""
    from handspun.evaluate.divergence import divergence
    from handspun.generate.session import load_for_reading

    tokenizer, recipe = source.load_tokenizer(), load_recipe(str(run.path))
    full, small = load_for_reading(source), load_for_reading(reduced)
    with Progress("measure", unit="tokens") as progress:
        result = divergence(full, small, ids, tokenizer.byte_lengths, seq_len=recipe.train.seq_len, on_progress=progress)
    return {key: round(value, 6) for key, value in asdict(result).items()}
