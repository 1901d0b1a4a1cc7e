"""Checkpoints that all processes write together while training goes on: torch.distributed.checkpoint, in safetensors."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_saver import async_save

from handspun.checkpoint import new_folder, room_for, write_facts
from handspun.model.transformer import Transformer
from handspun.processes import COLLECTIVE_TIMEOUT, Processes
from handspun.train.parallel import Saving


class ShardedSaver:
    """Saves one checkpoint at a time in the background.

    It talks over a group of its own: on the one that training uses, its messages and those of a step took each other's place,
    and the run crashed or hung.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        group = dist.new_group(backend="gloo", timeout=COLLECTIVE_TIMEOUT)
        assert isinstance(group, dist.ProcessGroup)
        self.group = group
        self.sealer = ThreadPoolExecutor(1, thread_name_prefix="seals checkpoints")
        self.pending: Future[None] | None = None

    def begin(self, step: int, model: Transformer, state: Mapping[str, Tensor], saving: Saving) -> None:
        """Copy what is to be saved, and write it while training goes on. Raises what went wrong with the one before."""
        self.settle()
        tensors: dict[str, Any] = {**{name: weight.detach() for name, weight in model.named_parameters()}, **state}
        n_bytes = sum(tensor.nbytes for tensor in tensors.values())
        folder = saving.checkpoints / f".{step:08d}.tmp"
        with ExitStack() as stack:
            if self.processes.is_first:
                stack.enter_context(new_folder(saving.checkpoints, step, n_bytes))
                write_facts(folder, step, model=model, facts=saving.facts, tokenizer=saving.tokenizer, recipe=saving.recipe)
            else:
                stack.enter_context(room_for(saving.checkpoints, step, n_bytes))
            self.processes.told()
            writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
            writing = async_save(tensors, storage_writer=writer, process_group=self.group)
            self.pending = self.sealer.submit(self.seal, stack.pop_all(), writing, saving)

    def seal(self, stack: ExitStack, writing: Any, saving: Saving) -> None:
        """Wait until every process has written, then give the checkpoint its manifest and its name."""
        with stack:
            try:
                writing.result()
            except CheckpointException as error:
                raise cause_of(error) from error
        if self.processes.is_first:
            saving.on_saved()

    def settle(self) -> None:
        """Wait for the one that is being written. Raises what went wrong."""
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Wait, and let go of the threads and the group: none may be left when the processes part."""
        self.settle()
        self.sealer.shutdown()


def cause_of(error: CheckpointException) -> BaseException:
    """What went wrong in the process that failed first; a full disk in any of them is a full disk."""
    causes = [cause for cause, _ in error.failures.values()]
    return next((cause for cause in causes if isinstance(cause, OSError)), causes[0])
