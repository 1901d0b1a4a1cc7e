"""What Ollama's clients are told of a model."""

import json

from handspun.serve.entry import Entry
from handspun.serve.held import Loaded
from handspun.serve.ollama_wire import Details, Listed, Running, Shown
from handspun.serve.options import options_of
from handspun.serve.timestamp import NEVER, timestamp

UNITS = (("B", 10**9), ("M", 10**6), ("K", 10**3))


def listed(entry: Entry) -> Listed:
    """A model in the list of those there are."""
    return Listed(
        name=entry.name,
        model=entry.name,
        modified_at=timestamp(entry.modified_at),
        size=entry.size_bytes,
        digest=entry.digest,
        details=details(entry),
    )


def running(loaded: Loaded) -> Running:
    """A model in memory."""
    entry = loaded.entry
    return Running(
        name=entry.name,
        model=entry.name,
        size=loaded.size_bytes,
        size_vram=0,
        digest=entry.digest,
        details=details(entry),
        expires_at=timestamp(loaded.expires_at) if loaded.expires_at else NEVER,
        context_length=loaded.max_seq_len,
    )


def shown(entry: Entry) -> Shown:
    """Everything about a model."""
    return Shown(
        modelfile=modelfile(entry),
        parameters=parameters(entry),
        template=entry.template,
        system=entry.system or "",
        details=details(entry),
        model_info=model_info(entry),
        capabilities=list(entry.capabilities),
        modified_at=timestamp(entry.modified_at),
    )


def details(entry: Entry) -> Details:
    """The few words of a list."""
    return Details(
        parent_model=entry.base or "",
        format="safetensors",
        family=entry.family,
        families=[entry.family],
        parameter_size=rounded(entry.n_params),
        quantization_level=entry.quantization,
    )


def rounded(count: int) -> str:
    """A count in the unit that suits it: 124.4M."""
    return next((f"{count / unit:.1f}{name}" for name, unit in UNITS if count >= unit), str(count))


def model_info(entry: Entry) -> dict[str, int | str]:
    """The shape, under the names that GGUF has for it."""
    shape, family = entry.shape, entry.family
    sizes = {
        "context_length": entry.max_seq_len,
        "embedding_length": shape.d_model,
        "block_count": shape.n_layers,
        "feed_forward_length": shape.ff_width,
        "attention.head_count": shape.n_heads,
        "attention.head_count_kv": shape.kv_heads,
        "vocab_size": entry.vocab_size,
    }
    general = {"general.architecture": family, "general.basename": entry.name, "general.parameter_count": entry.n_params}
    return {**general, **{f"{family}.{key}": size for key, size in sizes.items()}}


def parameters(entry: Entry) -> str:
    """How it generates where a request says nothing, one option per line; one with several values has several lines."""
    options = {**options_of(entry.generate), **entry.options}
    values = ((key, one) for key, value in options.items() for one in (value if isinstance(value, list) else [value]))
    return "\n".join(f"{key:<30} {json.dumps(value)}" for key, value in values)  # as wide as Ollama prints it


def modelfile(entry: Entry) -> str:
    """How it would be created, in the words of a Modelfile."""
    lines = [f"FROM {entry.trained_name}", f'TEMPLATE """{entry.template}"""']
    lines += [f'SYSTEM """{entry.system}"""'] if entry.system else []
    pairs = (line.split(maxsplit=1) for line in parameters(entry).splitlines())
    return "\n".join([*lines, *(f"PARAMETER {key} {value}" for key, value in pairs)])
