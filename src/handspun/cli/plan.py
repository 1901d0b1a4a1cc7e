"""handspun plan: what a recipe needs, before anything is spent."""

from typing import Any

from handspun.cli import terminal
from handspun.machine import memory_free_bytes
from handspun.model.cost import flops_per_token, parameters, training_memory
from handspun.recipe import Recipe, load_recipe

GIB = 2**30


def plan(recipe: str, *overrides: str, json: bool = False) -> None:
    """Say what training a recipe on this machine takes: parameters, tokens, FLOPs, memory, and whether it fits.

    Parameters
    ----------
    recipe
        The name of a shipped recipe, the path of a TOML file, or a run folder.
    overrides
        Keys of the recipe to set, such as model.n_layers=8.
    json
        Print one JSON object: n_params, n_params_by_part, train_tokens, flops, memory_gib, free_gib, fits, portable_as,
        gguf_as.
    """
    loaded = load_recipe(recipe, overrides)
    planned = facts(loaded)
    if json:
        terminal.write_json(planned)
    else:
        show(loaded, planned)


def facts(recipe: Recipe) -> dict[str, Any]:
    """The plan as one JSON object."""
    model, train, vocab_size = recipe.model, recipe.train, recipe.tokens.vocab_size
    by_part = parameters(model, vocab_size)
    memory = training_memory(
        model,
        vocab_size,
        micro_batch=train.micro_batch,
        seq_len=train.seq_len,
        optimizer=train.optimizer,
        dtype_bytes=4 if train.compute_dtype == "float32" else 2,
    )
    free = memory_free_bytes()
    parts = ("weights", "gradients", "optimizer", "activations", "logits", "total")
    train_tokens = train.steps * train.batch_tokens
    return {
        "n_params": sum(by_part.values()),
        "n_params_by_part": {part: n for part, n in by_part.items() if n},
        "train_tokens": train_tokens,
        "steps": train.steps,
        "flops": train_tokens * flops_per_token(model, vocab_size, train.seq_len),
        "memory_gib": {part: round(getattr(memory, part) / GIB, 4) for part in parts},
        "free_gib": round(free / GIB, 2),
        "fits": memory.total <= free,
        "portable_as": model.portable_as,
        "gguf_as": model.gguf_as,
    }


def show(recipe: Recipe, planned: dict[str, Any]) -> None:
    """The plan as tables."""
    terminal.table(("parameters", ""), [*planned["n_params_by_part"].items(), ("all", planned["n_params"])])
    terminal.write_line()
    terminal.table(("memory for training", "GiB"), list(planned["memory_gib"].items()))
    steps = f"{planned['train_tokens']:,} tokens in {planned['steps']:,} steps of {recipe.train.batch_tokens:,}"
    terminal.write_line(f"\n{steps}, {planned['flops']:.2e} FLOPs")
    verdict = "fits" if planned["fits"] else "does not fit: lower train.micro_batch or train.seq_len, or the model"
    terminal.write_line(f"{planned['memory_gib']['total']} GiB needed, {planned['free_gib']} GiB free: {verdict}")
    terminal.write_line(f"portable shape: {portability(planned['portable_as'], planned['gguf_as'])}")


def portability(transformers_class: str | None, architecture: str | None) -> str:
    """Which stock programs load the shape, in a sentence."""
    if not transformers_class and not architecture:
        return "no stock class of transformers or llama.cpp has it"
    in_transformers = (
        f"loads in transformers as {transformers_class}" if transformers_class else "transformers has no class for it"
    )
    in_llama_cpp = f"loads in llama.cpp as {architecture}" if architecture else "llama.cpp has nothing that computes it exactly"
    return f"{in_transformers}; {in_llama_cpp}"
