"""Checkpoints: a folder per step that is whole or absent, and the search for the newest whole one.

checkpoints/00000120/
├── model.safetensors       the fp32 weights
├── model.json              the shape
├── tokenizer.json …        what Tokenizer.save writes
├── trainer.safetensors     the optimizers' state
├── trainer.json            the step, and what the run was
├── recipe.toml             the resolved recipe
└── manifest.json           size and SHA-256 of each
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from handspun.errors import CheckpointError, DamagedFileError
from handspun.files import disk_errors, read_json, seal_folder, sync_folder, verify_folder, write_bytes, write_json
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.settings import build, to_tree
from handspun.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk."""

    folder: Path

    @property
    def step(self) -> int:
        """Optimizer steps taken before it was saved."""
        return int(self.folder.name)

    @property
    def facts(self) -> dict[str, Any]:
        """What the trainer noted beside the weights."""
        return read_json(self.folder / "trainer.json")

    def load_model(self, *, compute_dtype: torch.dtype = torch.float32, device: str = "cpu") -> Transformer:
        """The model with its weights. Raises CheckpointError where they do not fit the shape beside them."""
        shape = read_json(self.folder / "model.json")
        config = build(ModelConfig, shape["model"], where=str(self.folder / "model.json"))
        with torch.device("meta"):
            model = Transformer(config, shape["vocab_size"], compute_dtype=compute_dtype)
        try:
            model.load_state_dict(load_tensors(self.folder / "model.safetensors"), assign=True)
        except RuntimeError as error:
            raise CheckpointError(f"{self.folder} holds weights of another shape than its model.json says: {error}.") from error
        return model.to(device)

    def load_trainer_state(self) -> dict[str, Tensor]:
        """The optimizers' state, as tensors by name."""
        return load_tensors(self.folder / "trainer.safetensors")

    def load_tokenizer(self) -> Tokenizer:
        """The tokenizer the model was trained with."""
        return Tokenizer.load(self.folder)


def save_checkpoint(
    checkpoints: Path,
    step: int,
    *,
    model: Transformer,
    trainer_state: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    tokenizer: Tokenizer,
    recipe: str,
) -> Checkpoint:
    """Write the checkpoint of `step`; at any crash it is whole or absent. Raises DiskFullError, the others untouched."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    discard_unfinished(checkpoints)
    unfinished, finished = checkpoints / f".{step:08d}.tmp", checkpoints / f"{step:08d}"
    weights = {name: weight.detach().cpu() for name, weight in model.state_dict().items()}
    needed = sum(tensor.nbytes for tensor in (*weights.values(), *trainer_state.values()))
    try:
        with disk_errors(checkpoints, needed_bytes=needed):
            unfinished.mkdir()
            write_bytes(unfinished / "model.safetensors", save(weights))
            write_bytes(
                unfinished / "trainer.safetensors", save({name: tensor.cpu() for name, tensor in trainer_state.items()})
            )
            write_json(unfinished / "model.json", {"model": to_tree(model.config), "vocab_size": model.vocab_size})
            write_json(unfinished / "trainer.json", {"step": step, **facts})
            write_bytes(unfinished / "recipe.toml", recipe.encode())
            tokenizer.save(unfinished)
            seal_folder(unfinished)
            if finished.exists():
                shutil.rmtree(finished)
            os.replace(unfinished, finished)  # noqa: PTH105
            sync_folder(checkpoints)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Checkpoint(finished)


def all_checkpoints(checkpoints: Path) -> list[Checkpoint]:
    """Every finished checkpoint, oldest first."""
    folders = checkpoints.iterdir() if checkpoints.is_dir() else ()
    return sorted((Checkpoint(folder) for folder in folders if folder.name.isdigit()), key=lambda checkpoint: checkpoint.step)


def newest_checkpoint(checkpoints: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, and a sentence about each newer one that is damaged."""
    damages = []
    for checkpoint in reversed(all_checkpoints(checkpoints)):
        try:
            verify_folder(checkpoint.folder)
        except DamagedFileError as damage:
            damages.append(str(damage))
        else:
            return checkpoint, damages
    return None, damages


def load_checkpoint(path: Path) -> Checkpoint:
    """The newest whole checkpoint below a folder of checkpoints, or the checkpoint folder itself. Raises CheckpointError."""
    if path.name.isdigit() and path.is_dir():
        verify_folder(path)
        return Checkpoint(path)
    checkpoint, damages = newest_checkpoint(path)
    if checkpoint is None:
        reason = " ".join(damages) or f"{path} holds no checkpoint; train first."
        raise CheckpointError(reason)
    return checkpoint


def keep_newest(checkpoints: Path, n: int) -> None:
    """Delete all but the newest n whole checkpoints' worth of folders."""
    for checkpoint in all_checkpoints(checkpoints)[:-n]:
        shutil.rmtree(checkpoint.folder)


def discard_unfinished(checkpoints: Path) -> None:
    """Remove what a crash left half-written."""
    for folder in checkpoints.glob(".*.tmp"):
        shutil.rmtree(folder)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises DamagedFileError."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise DamagedFileError(f"{path} cannot be read ({error}); delete its folder and run again.") from error
