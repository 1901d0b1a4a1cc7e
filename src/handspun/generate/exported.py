"""What `handspun export` wrote of a run, as llama.cpp loads it."""

import shlex
from pathlib import Path

from handspun.checkpoint import Checkpoint
from handspun.errors import CheckpointError
from handspun.files import MANIFEST
from handspun.runs import Run


def exported_file(checkpoint: Checkpoint) -> Path:
    """The GGUF file written last beside the finished weights of a run. Raises CheckpointError where it is not of these."""
    run = Run(checkpoint.folder.parent.parent)
    remedy = f"handspun export {shlex.quote(str(run.path))}"
    if checkpoint.quantization is not None:
        raise CheckpointError(
            f'{checkpoint.folder} holds weights for generate.engine="torch"; llama.cpp has its own: {remedy} dtype=q8_0'
        )
    paths = sorted(run.exported.glob("*.gguf"), key=written_ns)
    if not paths:
        raise CheckpointError(f'{run.exported} holds no GGUF file, which generate.engine="llamacpp" loads; write one: {remedy}')
    if written_ns(paths[-1]) < written_ns(checkpoint.folder / MANIFEST):
        raise CheckpointError(f"{paths[-1]} is older than the weights in {checkpoint.folder}; write it anew: {remedy}")
    return paths[-1]


def written_ns(path: Path) -> int:
    """When a file was written last."""
    return path.stat().st_mtime_ns
