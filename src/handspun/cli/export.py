"""handspun export: a finished model as a file that llama.cpp, Ollama and LM Studio load."""

from typing import Any

from handspun.cli import terminal
from handspun.cli.workshop import find_run
from handspun.export.config import ExportConfig
from handspun.settings import apply_overrides, build


def export(run: str, *overrides: str, json: bool = False) -> None:
    """Write the finished model of a run as a GGUF file, which llama.cpp, Ollama and LM Studio load.

    It is written to RUN/exported. A shape that llama.cpp does not compute exactly is refused.

    Parameters
    ----------
    run
        A run folder, or the name of a run in runs/.
    overrides
        Keys to set: format=gguf, dtype=bf16 (or f32, q8_0, q4_0).
    json
        Print one JSON object: the file, its bytes and the architecture it names.
    """
    config = build(ExportConfig, apply_overrides({}, overrides))
    found = find_run(run)
    from handspun.checkpoint import load_checkpoint
    from handspun.export.architecture import architecture
    from handspun.export.gguf import export_gguf

    with found.lock():
        checkpoint, path = load_checkpoint(found.finished), found.exported / f"{found.path.name}-{config.dtype}.gguf"
        shape = checkpoint.shell().config
        facts: dict[str, Any] = {"architecture": architecture(shape), "dtype": config.dtype, "file": str(path)}
        export_gguf(checkpoint.load_model(), checkpoint.load_tokenizer(), path, name=found.path.name, dtype=config.dtype)
    facts["bytes"] = path.stat().st_size
    if json:
        terminal.write_json(facts)
    else:
        terminal.say(f"{path} holds the model as architecture {facts['architecture']}, {facts['bytes'] / 1e6:,.1f} MB.")
