"""Checkpoints: a folder per step that is whole or absent, and the search for the newest whole one.

checkpoints/00000120/
├── model.safetensors       the fp32 weights
├── model.json              the shape
├── tokenizer.json …        what Tokenizer.save writes
├── trainer.safetensors     the optimizers' state, each tensor under "weight name/state name"
├── trainer.json            the step, and what the run was
├── recipe.toml             the resolved recipe
└── manifest.json           size and SHA-256 of each

Several processes that hold a part of the model each write one file instead of the two: shard-00001-….safetensors, with the rows
they hold of every weight and its state. Both kinds are read alike.

quantized/int8/ is a checkpoint without a trainer, of weights that only serve to read: see quantize/folder.py.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handspun.errors import CheckpointError, DamagedFileError, DiskFullError
from handspun.files import (
    MANIFEST,
    disk_errors,
    read_json,
    seal_folder,
    sha256,
    sync_folder,
    verify_folder,
    write_bytes,
    write_json,
)
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.model.unfilled import unfilled
from handspun.pieces import Pieces
from handspun.quantize.folder import Quantization, is_quantized, read_quantization
from handspun.quantize.model import fill
from handspun.runs import Run
from handspun.settings import build, to_tree
from handspun.tensors import write_tensors
from handspun.tokens.tokenizer import Tokenizer

REPLACED = ".replaced"
FINISHED = re.compile(rf"\d{{8,}}({re.escape(REPLACED)})?")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk."""

    folder: Path

    @property
    def step(self) -> int:
        """Optimizer steps taken before it was saved."""
        return int(self.folder.name.removesuffix(REPLACED))

    @property
    def facts(self) -> dict[str, Any]:
        """What the trainer noted beside the weights."""
        return read_json(self.folder / "trainer.json")

    @property
    def quantization(self) -> Quantization | None:
        """How its weights are stored; None where they are as they were trained."""
        return read_quantization(self.folder)

    def shell(self, *, compute_dtype: torch.dtype = torch.float32) -> Transformer:
        """The model without its weights: it lies on torch's meta device and takes no memory."""
        shape = read_json(self.folder / "model.json")
        config = build(ModelConfig, shape["model"], where=str(self.folder / "model.json"))
        with unfilled():
            return Transformer(config, shape["vocab_size"], compute_dtype=compute_dtype)

    def load_model(self, *, compute_dtype: torch.dtype = torch.float32, device: str = "cpu") -> Transformer:
        """The model with its weights. Raises CheckpointError where they do not fit the shape beside them."""
        model = self.shell(compute_dtype=compute_dtype)
        try:
            if (quantization := self.quantization) is not None:
                return fill(model, self.weights, quantization.formats, device)
            model.load_state_dict(dict(self.weights), assign=True)
        except RuntimeError as error:
            raise CheckpointError(f"{self.folder} holds weights of another shape than its model.json says: {error}.") from error
        return model.to(device)

    @property
    def weights(self) -> Pieces:
        """The weights by name, each loaded when it is asked for."""
        return Pieces(sorted(self.folder.glob("*.safetensors"))).only(lambda name: "/" not in name)

    @property
    def trainer_state(self) -> Pieces:
        """The optimizers' state as tensors by name, each loaded when it is asked for."""
        return Pieces(sorted(self.folder.glob("*.safetensors"))).only(lambda name: "/" in name)

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
    """Write the checkpoint of `step`; at any crash it is whole or absent, and until it is whole none is gone.

    Raises DiskFullError, with all others untouched.
    """
    weights = model.state_dict()
    needed_bytes = sum(tensor.nbytes for tensor in (*weights.values(), *trainer_state.values()))
    with new_folder(checkpoints, step, needed_bytes) as unfinished:
        write_tensors(unfinished / "model.safetensors", weights)
        write_tensors(unfinished / "trainer.safetensors", trainer_state)
        write_facts(unfinished, step, model=model, facts=facts, tokenizer=tokenizer, recipe=recipe)
    return Checkpoint(checkpoints / f"{step:08d}")


@contextmanager
def new_folder(checkpoints: Path, step: int, needed_bytes: int) -> Iterator[Path]:
    """A hidden folder to write the checkpoint of `step` into, which is sealed and gets its name when this is left in peace."""
    with disk_errors(checkpoints):
        checkpoints.mkdir(parents=True, exist_ok=True)
    discard_unfinished(checkpoints)
    unfinished = checkpoints / f".{step:08d}.tmp"
    with room_for(checkpoints, step, needed_bytes):
        try:
            unfinished.mkdir()
            yield unfinished
            seal_folder(unfinished)
            put_in_place(unfinished, checkpoints / f"{step:08d}")
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


def write_facts(
    folder: Path, step: int, *, model: Transformer, facts: Mapping[str, Any], tokenizer: Tokenizer, recipe: str
) -> None:
    """Write all of a checkpoint that is not a tensor."""
    write_json(folder / "model.json", {"model": to_tree(model.config), "vocab_size": model.vocab_size})
    write_json(folder / "trainer.json", {"step": step, **facts})
    write_bytes(folder / "recipe.toml", recipe.encode())
    tokenizer.save(folder)


@contextmanager
def room_for(checkpoints: Path, step: int, needed_bytes: int) -> Iterator[None]:
    """Say of a full disk what the whole checkpoint needs, rather than the file that did not fit."""
    try:
        with disk_errors(checkpoints):
            yield
    except DiskFullError as error:
        needed_mib, free_mib = needed_bytes / 2**20, shutil.disk_usage(checkpoints).free / 2**20
        raise DiskFullError(
            f"no room in {checkpoints} for the checkpoint of step {step:,}: {needed_mib:,.1f} MiB needed, {free_mib:,.1f} MiB "
            f"free; free some space, then run the same command again (what was saved before is still there)."
        ) from error


def put_in_place(unfinished: Path, finished: Path) -> None:
    """Give a folder its final name; one that has this name already can be loaded under another until then."""
    replaced = finished.with_name(finished.name + REPLACED)
    if finished.exists():
        if replaced.exists():
            discard(replaced)
        finished.rename(replaced)
    unfinished.rename(finished)
    sync_folder(finished.parent)
    if replaced.exists():
        discard(replaced)


@contextmanager
def new_quantized(target: Path) -> Iterator[Path]:
    """A hidden folder to write quantized weights into, which is sealed and becomes `target` when this is left in peace."""
    unfinished = target.with_name(f".{target.name}.tmp")
    with disk_errors(target.parent):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            yield unfinished
            seal_folder(unfinished)
            put_in_place(unfinished, target)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


def all_checkpoints(checkpoints: Path) -> list[Checkpoint]:
    """Every finished checkpoint, oldest first."""
    folders = checkpoints.iterdir() if checkpoints.is_dir() else ()
    found = [Checkpoint(folder) for folder in folders if FINISHED.fullmatch(folder.name)]
    return sorted(found, key=lambda checkpoint: (checkpoint.step, not checkpoint.folder.name.endswith(REPLACED)))


def newest_checkpoint(checkpoints: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, and a sentence about each newer one that is damaged."""
    damages = []
    for checkpoint in reversed(all_checkpoints(checkpoints)):
        damage = damage_of(checkpoint.folder)
        if damage is None:
            return checkpoint, damages
        damages.append(damage)
    return None, damages


def damage_of(folder: Path) -> str | None:
    """A sentence about what is wrong with a checkpoint; None where every byte is as it was written."""
    try:
        verify_folder(folder)
    except DamagedFileError as damage:
        return str(damage)
    except OSError as error:
        return f"{folder} cannot be read ({error}); delete it and run again."
    return None


def load_checkpoint(path: Path) -> Checkpoint:
    """The newest whole checkpoint below a folder of checkpoints, or the checkpoint folder itself, quantized or not.

    Raises CheckpointError where there is none or quantized weights are stale, DamagedFileError where the folder is damaged.
    """
    if path.is_dir() and is_quantized(path):
        verify_quantized(path)
        refuse_stale(path)
        return Checkpoint(path)
    if path.is_dir() and FINISHED.fullmatch(path.name):
        verify_folder(path)
        return Checkpoint(path)
    checkpoint, damages = newest_checkpoint(path)
    if checkpoint is None:
        raise CheckpointError(" ".join(damages) or f"{path} holds no checkpoint; train first.")
    return checkpoint


@contextmanager
def unproved_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """What `load_checkpoint` returns, to be read while it is still being checked: only after this is left is it to be used.

    Raises what `load_checkpoint` raises, when it is left at the latest. Which is the newest whole one of several is known only
    once it has been checked, so there is no haste then.
    """
    if not is_quantized(path):
        yield load_checkpoint(path)
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        checked = thread.submit(load_checkpoint, path)
        try:
            yield Checkpoint(path)
        finally:
            checked.result()


def refuse_stale(folder: Path) -> None:
    """Raises CheckpointError where a run's quantized weights were made of another checkpoint than the newest whole one.

    Quantized weights that lie in no run, or in one whose checkpoints are gone, are taken as they are.
    """
    run, quantization = Run(folder.parent.parent), read_quantization(folder)
    if quantization is None or folder.parent != run.quantized:
        return
    for checkpoint in reversed(all_checkpoints(run.finished)):
        manifest = checkpoint.folder / MANIFEST
        if manifest.is_file() and sha256(manifest) == quantization.made_of:
            return
        if damage_of(checkpoint.folder) is None:
            command = f"handspun quantize {run.path} scheme={quantization.scheme}"
            raise CheckpointError(f"{folder} was made of an older checkpoint; run `{command}` again.")


def verify_quantized(folder: Path) -> None:
    """Check the files of quantized weights, which are easily made anew. Raises DamagedFileError."""
    try:
        verify_folder(folder)
    except DamagedFileError as error:
        damage, run = str(error).rpartition(";")[0], folder.parent.parent
        raise DamagedFileError(f"{damage}; run `handspun quantize {run} scheme={folder.name}` again.") from error


def discard(folder: Path) -> None:
    """Delete a checkpoint so that no half of it can be met: out of sight first, then file by file."""
    shutil.rmtree(folder.rename(folder.with_name(f".{folder.name}.discarded.tmp")))


def discard_unfinished(checkpoints: Path) -> None:
    """Remove what a crash left half-written or half-deleted."""
    for folder in checkpoints.glob(".[0-9]*.tmp"):
        shutil.rmtree(folder)
