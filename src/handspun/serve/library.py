"""The models there are to serve: the finished models of some runs, under the names of their folders."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from handspun.checkpoint import all_checkpoints
from handspun.errors import ModelNotFoundError
from handspun.files import read_json, read_manifest, sha256_of_json
from handspun.generate.config import GenerateConfig
from handspun.model.config import ModelConfig
from handspun.model.cost import parameters
from handspun.runs import Run
from handspun.serve.entry import LATEST, Entry, tagged
from handspun.settings import build, read_toml
from handspun.tokens.control import CHAT_TEMPLATE

LEVELS = {"float32": "F32", "bfloat16": "BF16"}
"""How Ollama's clients call a dtype."""


class Library:
    """What can be asked for by name. Folders are read anew each time: a run trained meanwhile is served as it is now."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)

    def entries(self) -> list[Entry]:
        """Every model there is, by name."""
        return sorted((entry_of(run) for run in self.runs), key=lambda entry: entry.name)

    def entry(self, name: str) -> Entry:
        """The model of that name. Raises ModelNotFoundError."""
        entries = self.entries()
        found = next((entry for entry in entries if entry.name == tagged(name)), None)
        if found is None:
            known = ", ".join(entry.name.removesuffix(f":{LATEST}") for entry in entries)
            raise ModelNotFoundError(f'model "{name}" not found; here are {known}.')
        return found


def entry_of(run: Run) -> Entry:
    """The finished model of a run."""
    folder = all_checkpoints(run.finished)[-1].folder
    manifest = read_manifest(folder)
    shape = read_json(folder / "model.json")
    model = build(ModelConfig, shape["model"], where=folder / "model.json")
    digest = sha256_of_json(manifest)
    return Entry(
        name=f"{run.path.resolve().name}:{LATEST}",
        folder=run.finished,
        weights=digest,
        digest=digest,
        size_bytes=sum(file["bytes"] for name, file in manifest["files"].items() if not name.startswith("trainer.")),
        modified_at=datetime.fromtimestamp((folder / "manifest.json").stat().st_mtime, UTC),
        shape=model,
        vocab_size=shape["vocab_size"],
        n_params=sum(parameters(model, shape["vocab_size"]).values()),
        quantization=LEVELS[read_json(folder / "trainer.json").get("compute_dtype", "float32")],
        generate=generate_config(folder / "recipe.toml"),
        template=CHAT_TEMPLATE,
    )


def generate_config(recipe: Path) -> GenerateConfig:
    """The `[generate]` table of a recipe."""
    return build(GenerateConfig, read_toml(recipe).get("generate", {}), where=recipe)
