"""A GGUF file opened by llama.cpp: tokens in, logits or states out. What llama.cpp calls a sequence we call a slot."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handspun.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to read: its place in the text of its slot, and whether what comes next is asked for."""

    id: int
    position: int
    slot: int
    is_asked: bool


class LlamaContext:
    """Up to `n_slots` texts of together `n_tokens` tokens, read up to `n_batch` at a time."""

    def __init__(
        self,
        path: Path,
        *,
        n_slots: int,
        n_threads: int,
        n_tokens: int | None = None,
        n_batch: int = 512,
        wants_states: bool = False,
        may_use_amx: bool = False,
    ) -> None:
        """Without `n_tokens` there is room for as many whole texts as there are slots.

        Without `may_use_amx`, the matrix unit of new Intel processors is left alone: torch resets it behind llama.cpp's back
        where both use it in one thread, and what gcc 12 makes of llama.cpp configures it wrongly; either ends the process.
        """
        self.library = load_llama_cpp()
        self.path, self.n_batch, self.wants_states = path, n_batch, wants_states
        self.model = self.open_model(path, may_use_amx)
        self.max_seq_len = self.library.llama_model_n_ctx_train(self.model)
        self.n_slots = min(n_slots, self.library.llama_max_parallel_sequences())
        self.n_tokens = n_tokens or self.n_slots * self.max_seq_len
        self.vocab = self.library.llama_model_get_vocab(self.model)
        self.vocab_size = self.library.llama_vocab_n_tokens(self.vocab)
        self.width = self.library.llama_model_n_embd(self.model)
        self.context = self.open_context(n_threads)
        self.batch = self.library.llama_batch_init(n_batch, 0, 1)

    def open_model(self, path: Path, may_use_amx: bool) -> Any:
        """llama.cpp's model. Raises CheckpointError."""
        parameters = self.library.llama_model_default_params()
        parameters.use_extra_bufts = may_use_amx or b"AMX_INT8 = 1" not in self.library.llama_print_system_info()
        model = self.library.llama_model_load_from_file(str(path).encode(), parameters) if path.is_file() else None
        if model is None:
            raise CheckpointError(f"{path} is no GGUF file that llama.cpp loads; write one with handspun export.")
        return model

    def open_context(self, n_threads: int) -> Any:
        """llama.cpp's context. Raises CheckpointError."""
        parameters = self.library.llama_context_default_params()
        parameters.n_ctx, parameters.n_seq_max, parameters.kv_unified = self.n_tokens, self.n_slots, True
        parameters.n_batch = parameters.n_ubatch = self.n_batch
        parameters.n_threads = parameters.n_threads_batch = n_threads
        parameters.embeddings = self.wants_states
        if self.wants_states:
            parameters.pooling_type = self.library.LLAMA_POOLING_TYPE_NONE
        context = self.library.llama_init_from_model(self.model, parameters)
        if context is None:
            raise CheckpointError(f"llama.cpp finds no memory for {self.n_tokens:,} tokens with {self.path}; ask for fewer.")
        return context

    def read(self, tokens: Sequence[NewToken]) -> Float[Tensor, "N W"]:
        """Read new tokens; one row of logits, or of states, for each that is asked for."""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for place, token in enumerate(tokens):
            batch.token[place], batch.pos[place], batch.logits[place] = token.id, token.position, token.is_asked
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, token.slot
        status = self.library.llama_decode(self.context, batch)
        assert status == 0, f"llama_decode returned {status}"
        return self.outputs(sum(token.is_asked for token in tokens))

    def outputs(self, n_rows: int) -> Float[Tensor, "N W"]:
        """A copy of the newest logits, or states."""
        width = self.width if self.wants_states else self.vocab_size
        if n_rows == 0:
            return torch.empty(0, width)
        newest = self.library.llama_get_embeddings if self.wants_states else self.library.llama_get_logits
        rows = np.ctypeslib.as_array(newest(self.context), shape=(n_rows, width))
        return torch.from_numpy(rows.copy())

    def forget(self, slot: int) -> None:
        """Free what a slot holds."""
        self.library.llama_memory_seq_rm(self.library.llama_get_memory(self.context), slot, -1, -1)

    def close(self) -> None:
        """Free everything."""
        self.library.llama_batch_free(self.batch)
        self.library.llama_free(self.context)
        self.library.llama_model_free(self.model)


def load_llama_cpp() -> ModuleType:
    """llama-cpp-python's low-level API, silenced. Raises CheckpointError where it is absent."""
    try:
        llama_cpp: ModuleType = import_module("llama_cpp.llama_cpp")
    except ImportError as error:
        raise CheckpointError(
            'llama-cpp-python is absent; install it (it is compiled for some minutes): pip install "handspun[llamacpp]"'
        ) from error
    llama_cpp.llama_backend_init()
    llama_cpp.llama_log_set(SILENCE, ctypes.c_void_p())
    return llama_cpp


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def SILENCE(_level: int, _text: bytes, _data: object) -> None:
    """What llama.cpp would write to standard error."""
