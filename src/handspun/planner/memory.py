"""What training takes of the memory of each device, at the highest moment of a step: the loss of a forward is known, every
activation is still there, and so are the gradients of the forwards before it.
"""

from dataclasses import dataclass
from typing import Literal

from handspun.model.config import ModelConfig
from handspun.model.cost import (
    FP32_BYTES,
    GPU_LOGIT_SLICE_ELEMENTS,
    LOGIT_SLICE_ELEMENTS,
    Kernels,
    block_parameters,
    edge_bytes_per_token,
    layer_bytes_per_token,
    multiplied_parameters,
    optimizer_states,
    parameters,
)
from handspun.planner.devices import Devices
from handspun.train.config import TrainConfig

Mode = Literal["single", "ddp", "fsdp"]

GATHERED_BLOCKS = 2
"""Blocks that are whole on a device at a time under FSDP: the one that computes and the one that comes next."""
ACTIVATION_SLACK, RECOMPUTED_SLACK, GRADIENT_SLACK = 0.4, 0.33, 0.2
"""Holes in glibc's heap, as shares of what comes and goes in a step: fitted to 28 runs of 1M to 337M weights."""
CUDA_SLACK = 0.05
"""Holes in what torch holds of a GPU, as a share of what is used: assumed."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes on one device."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    buffers: int
    """Weights cast to what is computed in, and what several devices exchange."""
    slack: int
    """What the allocator holds and cannot use."""
    runtime: int
    """The program itself."""

    @property
    def other(self) -> int:
        """What is neither model nor data."""
        return self.buffers + self.slack + self.runtime

    @property
    def allocated(self) -> int:
        """What tensors take."""
        return self.total - self.slack - self.runtime

    @property
    def total(self) -> int:
        """All of it together."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits + self.other


@dataclass(frozen=True)
class Footprint:
    """A training as far as memory goes: a shape, how it is trained, and on what."""

    model: ModelConfig
    vocab_size: int
    train: TrainConfig
    devices: Devices
    mode: Mode

    @property
    def n_params(self) -> int:
        """Weights of the whole model."""
        return sum(parameters(self.model, self.vocab_size).values())

    @property
    def n_shares(self) -> int:
        """Into how many parts weights, gradients and optimizer are cut."""
        return self.devices.count if self.mode == "fsdp" else 1

    @property
    def dtype_bytes(self) -> int:
        """Width of a state."""
        is_wide = self.train.compute_dtype == "float32"
        is_auto = self.train.compute_dtype == "auto"
        return FP32_BYTES if is_wide or (is_auto and not self.devices.computes_bfloat16) else 2

    @property
    def kernels(self) -> Kernels:
        """Whose kernels compute."""
        return "cpu" if self.devices.kind == "cpu" else "compiled" if self.train.compile else "stock"

    @property
    def n_tokens(self) -> int:
        """Tokens of one forward."""
        return self.train.micro_batch * self.train.seq_len

    @property
    def is_accumulating(self) -> bool:
        """Whether a step takes several forwards."""
        return self.train.batch_tokens > self.n_tokens * self.devices.count

    @property
    def n_recomputed(self) -> int:
        """Blocks that keep nothing but their input."""
        recomputed = {"none": 0, "selective": (self.model.n_layers + 1) // 2, "full": self.model.n_layers}
        return recomputed[self.train.activation_checkpointing]

    @property
    def is_streamed(self) -> bool:
        """Whether weights come to the device block by block."""
        return self.mode == "fsdp" or self.offloads("all")

    @property
    def state_bytes(self) -> int:
        """What the optimizer keeps for one device."""
        return FP32_BYTES * optimizer_states(self.model, self.vocab_size, self.train.optimizer) // self.n_shares

    @property
    def is_even(self) -> bool:
        """Whether the devices can share the sequences of a step in whole forwards."""
        return self.train.batch_rows % (self.train.micro_batch * self.devices.count) == 0

    @property
    def has_room(self) -> bool:
        """Whether each device has the memory for it."""
        return self.memory().total <= self.devices.free_bytes

    @property
    def fits(self) -> bool:
        """Whether it can be done."""
        return self.is_even and self.has_room

    def offloads(self, *kinds: str) -> bool:
        """Whether one of these kinds of offloading is asked for and means anything here."""
        return self.devices.is_offload_useful and self.train.offload in kinds

    def memory(self) -> Memory:
        """What each device holds. Where a step is one forward, its gradients take the place of what the backward lets go."""
        on_host = self.offloads("all")
        weights = 0 if on_host else FP32_BYTES * self.n_params // self.n_shares
        kept, casts = self.kept_bytes(), self.cast_bytes()
        reused = 0 if self.is_accumulating else min(weights, kept + casts)
        tensors = {
            "weights": weights,
            "gradients": weights,
            "optimizer": 0 if self.offloads("optimizer", "all") else self.state_bytes,
            "activations": max(0, kept - reused),
            "logits": self.logit_bytes(),
            "buffers": casts - max(0, reused - kept) + self.streamed_bytes(),
        }
        tensors["buffers"] += max(0, self.copy_bytes() - sum(tensors.values()) + tensors["weights"] + tensors["optimizer"])
        slack = self.slack_bytes(kept + casts, weights, sum(tensors.values()))
        return Memory(**tensors, slack=slack, runtime=self.devices.runtime_bytes)

    def host_bytes(self) -> int:
        """What offloading moves to the host, of all devices together."""
        states = self.state_bytes if self.offloads("optimizer", "all") else 0
        weights = 2 * FP32_BYTES * self.n_params // self.n_shares if self.offloads("all") else 0
        return self.devices.count * (states + weights)

    def kept_bytes(self) -> int:
        """Activations between forward and backward: of recomputed blocks the inputs, and all of one of them at a time."""
        edge = edge_bytes_per_token(self.model, self.train.seq_len, dtype_bytes=self.dtype_bytes, kernels=self.kernels)
        n_whole = self.model.n_layers - self.n_recomputed + (1 if self.n_recomputed else 0)
        inputs = self.n_recomputed * self.model.d_model * self.dtype_bytes
        return n_whole * self.layer_bytes() + self.n_tokens * (inputs + edge)

    def layer_bytes(self) -> int:
        """Activations of one block."""
        seq_len, dtype_bytes = self.train.seq_len, self.dtype_bytes
        return self.n_tokens * layer_bytes_per_token(self.model, seq_len, dtype_bytes=dtype_bytes, kernels=self.kernels)

    def logit_bytes(self) -> int:
        """One slice of logits with its probabilities, and the gradient of the head in the making, twice."""
        slice_elements = LOGIT_SLICE_ELEMENTS if self.devices.kind == "cpu" else GPU_LOGIT_SLICE_ELEMENTS
        n_logits = min(slice_elements, self.n_tokens * self.vocab_size)
        narrow = self.dtype_bytes if self.dtype_bytes < FP32_BYTES else 0
        head = self.vocab_size * self.model.d_model
        return n_logits * (2 * FP32_BYTES + narrow) + head * (FP32_BYTES + self.dtype_bytes)

    def cast_bytes(self) -> int:
        """The weights as the matrix products take them, which autograd keeps, where they are not computed in fp32."""
        if self.dtype_bytes == FP32_BYTES or self.is_streamed:
            return 0
        cast = multiplied_parameters(self.model, self.vocab_size)
        n_freed = max(0, self.n_recomputed - 1)
        return self.dtype_bytes * (cast - n_freed * block_parameters(self.model))

    def streamed_bytes(self) -> int:
        """Blocks that were gathered, those of the root throughout; and gradients on their way, as computed and as fp32."""
        if not self.is_streamed:
            return 0
        block = GATHERED_BLOCKS * block_parameters(self.model)
        root = self.n_params - self.model.n_layers * block_parameters(self.model)
        return (block + root) * (2 * self.dtype_bytes + FP32_BYTES)

    def copy_bytes(self) -> int:
        """The whole model as the first of several devices that share it measures it, between two steps."""
        return self.dtype_bytes * self.n_params if self.mode == "fsdp" else 0

    def slack_bytes(self, kept: int, gradients: int, n_bytes: int) -> int:
        """What the allocator holds beside all this."""
        if self.devices.kind == "cuda":
            return int(CUDA_SLACK * n_bytes)
        recomputed = max(0, self.n_recomputed - 1) * self.layer_bytes()
        return int(ACTIVATION_SLACK * kept + RECOMPUTED_SLACK * recomputed + GRADIENT_SLACK * gradients)
