"""A model that can be asked for by name: where it lies and what is known of it without loading it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from handspun.files import sha256_of_json
from handspun.generate.config import GenerateConfig
from handspun.model.config import ModelConfig
from handspun.quantize.config import Scheme

LATEST = "latest"
"""The tag of a name that has none."""
FULL = "F32"
"""How clients call the precision in which a checkpoint has its weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One name under which a model is served. Several may share their weights."""

    name: str
    """with its tag: "quickstart:latest", "quickstart:int8" """
    folder: Path
    """what `open_engine` opens"""
    weights: str
    """SHA-256 of what is loaded: entries that agree in it share the memory"""
    digest: str
    """SHA-256 of the weights and of what `create` has added"""
    size_bytes: int
    """of the weights on the disk"""
    modified_at: datetime
    shape: ModelConfig
    vocab_size: int
    n_params: int
    compute_dtype: str
    """torch's name of the dtype it computes in"""
    scheme: Scheme | None = None
    """how its weights are stored; None where they are those of a checkpoint"""
    generate: GenerateConfig
    """how its recipe lets it generate: what holds where neither a request nor `options` say otherwise"""
    template: str
    """how messages become its prompt, in Jinja"""
    base: str | None = None
    """the name it was created from; None for a run itself"""
    system: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """what `create` was given as parameters, in the names of Ollama's options; and the index of MODEL+INDEX"""
    capabilities: tuple[str, ...] = ("completion", "embedding")
    family: str = "handspun"

    @property
    def max_seq_len(self) -> int:
        """Tokens of a prompt and its reply together."""
        return self.shape.max_seq_len

    @property
    def quantization(self) -> str:
        """How clients call the precision of its weights on the disk."""
        return FULL if self.scheme is None else self.scheme.upper()

    @property
    def trained_name(self) -> str:
        """The name of the run, or of what was quantized of it, that its weights belong to."""
        return self.base or self.name

    @property
    def short_name(self) -> str:
        """The name as people say it: without the tag where that is the one that is meant anyway."""
        return self.name.removesuffix(f":{LATEST}")


def combined(entry: Entry, index: str) -> Entry:
    """A model that answers through an index."""
    options = {**entry.options, "index": index}
    named = {"name": f"{entry.short_name}+{index}", "base": entry.trained_name}
    return replace(entry, **named, digest=digest_of(entry.weights, entry.system, options), options=options)


def split_index(name: str) -> tuple[str, str]:
    """The model and the index of MODEL+INDEX; a tag may stand behind either, and clients add one. No index: an empty name."""
    model, plus, rest = name.rpartition("+")
    if not plus:
        return name, ""
    index, _, tag = rest.partition(":")
    return (model if tag in ("", LATEST) else f"{model}:{tag}"), index


def digest_of(weights: str, system: str | None, options: Mapping[str, Any]) -> str:
    """SHA-256 of weights and of what is added to them."""
    return sha256_of_json({"weights": weights, "system": system, "options": dict(options)})


def tagged(name: str) -> str:
    """A name with its tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:{LATEST}"
