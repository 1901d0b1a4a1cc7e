"""The models there are to serve: those of some runs under the names of their folders, and what was created from them."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from handspun.checkpoint import all_checkpoints, refuse_stale
from handspun.errors import CheckpointError, DamagedFileError, HandspunError, ModelNotFoundError, RefusedError, RunError
from handspun.files import MANIFEST, read_json, read_manifest, sha256_of_json
from handspun.generate.config import EngineName, GenerateConfig
from handspun.model.config import ModelConfig
from handspun.model.cost import parameters
from handspun.quantize.folder import read_quantization
from handspun.runs import Run, list_runs
from handspun.serve.alias import Alias, Aliases
from handspun.serve.entry import LATEST, Entry, combined, digest_of, split_index, tagged
from handspun.serve.indexes import Indexes
from handspun.serve.indexes import absent as absent_index
from handspun.settings import build, read_toml
from handspun.tokens.control import CHAT_TEMPLATE

log = logging.getLogger(__name__)


class Library:
    """What can be asked for by name. Folders are looked at anew each time: a run trained meanwhile is served as it is now."""

    def __init__(
        self,
        runs: Sequence[Run],
        *,
        created: Path,
        folder: Path | None = None,
        schemes: Mapping[Path, Collection[str]] | None = None,
        engine: EngineName | None = None,
        indexes: Indexes | None = None,
    ) -> None:
        """`runs`, and the finished runs in `folder`; `created` keeps what clients create. Raises RunError for equal names.

        Of a run whose path is in `schemes` nothing is served but these. `engine` computes what is not quantized, instead of
        the one that each recipe names.
        """
        self.chosen, self.folder, self.aliases, self.schemes = by_name(runs), folder, Aliases(created), schemes or {}
        self.engine, self.indexes = engine, indexes or Indexes([])

    @property
    def runs(self) -> dict[str, Run]:
        """The runs by name."""
        return {**(by_name(finished_runs(self.folder)) if self.folder else {}), **self.chosen}

    @property
    def index_folders(self) -> dict[str, Path]:
        """The folders of the indexes by name."""
        return self.indexes.folders(run.path for run in self.runs.values())

    def index_folder(self, name: str) -> Path:
        """The folder of the index of that name. Raises IndexNotFoundError."""
        folders = self.index_folders
        if name not in folders:
            raise absent_index(name, folders)
        return folders[name]

    def entries(self) -> list[Entry]:
        """Every model there is, the trained ones first; then each with each index that it has not its own of."""
        found, indexes = self.plain_entries(), list(self.index_folders)
        return [*found, *(combined(entry, index) for entry in found if "index" not in entry.options for index in indexes)]

    def plain_entries(self) -> list[Entry]:
        """Every model there is by itself. What cannot be read is left out, and logged."""
        found = []
        for name in self.names():
            try:
                found.append(self.entry(name))
            except HandspunError as error:
                log.warning("%s is left out: %s", name, error)
        return found

    def entry(self, name: str) -> Entry:
        """The model of that name, MODEL+INDEX among them.

        Raises ModelNotFoundError, IndexNotFoundError, CheckpointError where its run has none, DamagedFileError.
        """
        whole = tagged(name)
        if self.has(whole):
            return self.plain(whole)
        model, index = split_index(name)
        if not index or not self.has(tagged(model)):
            raise self.absent(whole)
        self.index_folder(index)
        return combined(self.plain(tagged(model)), index)

    def has(self, name: str) -> bool:
        """Whether a run or a client has made a model of that name, its tag included."""
        return name in self.trained_names() or self.aliases.has(name)

    def plain(self, name: str) -> Entry:
        """The model of a name that there is. Raises CheckpointError, DamagedFileError."""
        alias = self.aliases.find(name)
        if alias is None or name in self.trained_names():
            return self.trained(name)
        base = self.trained(alias.base)
        digest = digest_of(base.digest, alias.system, alias.options)
        own = {"digest": digest, "system": alias.system, "options": alias.options}
        return replace(base, name=name, base=alias.base, modified_at=self.aliases.modified_at(name), **own)

    def names(self) -> list[str]:
        """Every name there is without an index: those of runs, of what was quantized of them, and created ones."""
        return [*self.trained_names(), *self.aliases.names()]

    def trained_names(self) -> list[str]:
        """The names of the runs and of what was quantized of them."""
        names = []
        for name, run in self.runs.items():
            sealed = sorted(path.parent.name for path in run.quantized.glob(f"*/{MANIFEST}"))
            named = self.schemes.get(run.path)
            names += [f"{name}:{tag}" for tag in (LATEST, *sealed) if named is None or tag in named]
        return names

    def trained(self, name: str) -> Entry:
        """The model of a run. Raises ModelNotFoundError, CheckpointError, DamagedFileError."""
        run_name, _, tag = name.partition(":")
        run = self.runs.get(run_name)
        if run is None or name not in self.trained_names():
            raise self.absent(name)
        if tag == LATEST:
            checkpoints = all_checkpoints(run.finished)
            if not checkpoints:
                raise CheckpointError(f"{run.path} holds no checkpoint; train first.")
            entry = described(name, run.finished, checkpoints[-1].folder, stamp(checkpoints[-1].folder))
            return replace(entry, generate=replace(entry.generate, engine=self.engine or entry.generate.engine))
        folder = run.quantized / tag
        refuse_stale(folder)
        return described(name, folder, folder, stamp(folder))

    def absent(self, name: str) -> ModelNotFoundError:
        """The error for a name that nothing has, with those there are."""
        known = ", ".join(name.removesuffix(f":{LATEST}") for name in self.names()) or "none"
        return ModelNotFoundError(f'model "{name.removesuffix(f":{LATEST}")}" not found; served here: {known}.')

    def create(self, name: str, base: str, *, system: str | None = None, options: Mapping[str, Any] | None = None) -> Entry:
        """A name of its own for `base` with this system message and these options; what is not given is the base's.

        Raises RefusedError for the name of a run, ModelNotFoundError, DiskFullError.
        """
        name, source = tagged(name), self.entry(base)
        self.refuse_trained(name, "cannot be replaced; choose another name")
        alias = Alias(
            name=name,
            base=source.trained_name,
            system=source.system if system is None else system,
            options={**source.options, **(options or {})},
        )
        self.aliases.keep(alias)
        return self.entry(name)

    def delete(self, name: str) -> None:
        """Forget a created name. Raises RefusedError for the name of a run, ModelNotFoundError."""
        name = tagged(name)
        self.refuse_trained(name, "is not deleted over the network; delete its folder where it lies, if you mean it")
        if not self.aliases.has(name):
            raise self.absent(name)
        self.aliases.forget(name)

    def refuse_trained(self, name: str, reason: str) -> None:
        """Raises RefusedError where `name` is that of a run."""
        if name in self.trained_names():
            raise RefusedError(f'"{name.removesuffix(f":{LATEST}")}" is a trained model and {reason}.')


def by_name(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by the names of their folders. Raises RunError where two have the same."""
    found: dict[str, Run] = {}
    for run in runs:
        other = found.setdefault(run.path.resolve().name, run)
        if other.path.resolve() != run.path.resolve():
            raise RunError(f"{other.path} and {run.path} would have the same name; rename one of the folders.")
    return found


def finished_runs(folder: Path) -> list[Run]:
    """The runs right below a folder whose training has come to its end."""
    return [run for run in list_runs(folder) if has_finished(run)]


def has_finished(run: Run) -> bool:
    """Whether a run was trained, and tuned where that was begun."""
    try:
        stages = run.stages()
    except DamagedFileError as error:
        log.warning("%s is left out: %s", run.path, error)
        return False
    return all(stages[stage]["finished"] for stage in ("train", "tune") if stage in stages) and "train" in stages


def stamp(folder: Path) -> int:
    """Changes when the folder is sealed anew."""
    try:
        return (folder / MANIFEST).stat().st_mtime_ns
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read ({error.strerror}); train again, or serve another run.") from error


@lru_cache(maxsize=256)
def described(name: str, folder: Path, sealed: Path, stamp: int) -> Entry:
    """What a sealed folder of weights says of itself; `folder` is where to load it from, `stamp` when it was sealed."""
    manifest, shape = read_manifest(sealed), read_json(sealed / "model.json")
    model = build(ModelConfig, shape["model"], where=sealed / "model.json")
    quantization, digest = read_quantization(sealed), sha256_of_json(manifest)
    return Entry(
        name=name,
        folder=folder,
        weights=digest,
        digest=digest,
        size_bytes=sum(file["bytes"] for name, file in manifest["files"].items() if not name.startswith("trainer.")),
        modified_at=datetime.fromtimestamp(stamp / 1e9, UTC),
        shape=model,
        vocab_size=shape["vocab_size"],
        n_params=sum(parameters(model, shape["vocab_size"]).values()),
        compute_dtype=read_json(sealed / "trainer.json").get("compute_dtype", "float32"),
        scheme=None if quantization is None else quantization.scheme,
        generate=build(GenerateConfig, read_toml(sealed / "recipe.toml").get("generate", {}), where=sealed / "recipe.toml"),
        template=CHAT_TEMPLATE,
    )
