"""The shape of a transformer, as a recipe gives it."""

from dataclasses import dataclass
from typing import Literal, get_args

Position = Literal["learned", "rope", "alibi", "nope"]
Norm = Literal["layernorm", "rmsnorm"]
Activation = Literal["gelu", "gelu_tanh", "swiglu", "relu2"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A decoder-only transformer with pre-normalization.

    The defaults are a portable shape: stock transformers (Qwen3ForCausalLM) and llama.cpp load it.
    """

    d_model: int = 256
    """Width of the residual stream."""
    n_layers: int = 6
    """Number of blocks."""
    n_heads: int = 4
    """Number of query heads; divides d_model."""
    n_kv_heads: int | None = None
    """Number of key and value heads; divides n_heads. Absent: n_heads (multi-head attention)."""
    d_ff: int | None = None
    """Width of the feed-forward layer. Absent: 4 d_model, or 8/3 d_model in multiples of 64 for swiglu."""
    max_seq_len: int = 1024
    """Longest context in tokens that the model is made for."""
    position: Position | tuple[Position, ...] = "rope"
    """How order is told: learned, rope, alibi, nope, or a cycle over the layers such as ["alibi", "nope"]."""
    norm: Norm = "rmsnorm"
    """Normalization before each part of a block and before the head."""
    norm_eps: float = 1e-6
    """Added to the variance inside the normalization."""
    activation: Activation = "swiglu"
    """Feed-forward non-linearity: gelu (exact), gelu_tanh, swiglu (gated) or relu2 (squared ReLU)."""
    bias: bool = False
    """Biases in the linear layers and the norms."""
    tie_embeddings: bool = True
    """The head shares the embedding table."""
    qk_norm: bool = True
    """RMSNorm over each head of queries and keys, before the rotation."""
    dropout: float = 0.0
    """Share of activations dropped in training."""
    rope_theta: float = 10_000.0
    """Base of the rotary frequencies."""
    copy_head: bool = False
    """A pointer over the context mixed into the prediction; not portable. It lets small models quote."""
    copy_dim: int = 64
    """Width of the copy head's queries and keys."""
    repeat_embedding: bool = False
    """Each token is told whether it was read before, alone or as a pair; not portable. It lets small models compare."""

    def __post_init__(self) -> None:
        self.check_sizes()
        self.check_heads()
        self.check_positions()
        for key, choices in (("norm", get_args(Norm)), ("activation", get_args(Activation))):
            if getattr(self, key) not in choices:
                raise ValueError(f'{key}="{getattr(self, key)}": choose one of {", ".join(choices)}')

    def check_sizes(self) -> None:
        """Raise ValueError for a number that no model can have."""
        for key in ("d_model", "n_layers", "n_heads", "max_seq_len", "copy_dim"):
            if getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: choose at least 1")
        for key in ("n_kv_heads", "d_ff"):
            if getattr(self, key) is not None and getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: choose at least 1, or leave it out")
        for key in ("norm_eps", "rope_theta"):
            if not getattr(self, key) > 0:
                raise ValueError(f"{key}={getattr(self, key)}: choose a number above 0")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout}: choose a share from 0 to below 1")

    def check_heads(self) -> None:
        """Raise ValueError where the width does not split into the heads, or the heads into groups."""
        if self.d_model % self.n_heads:
            nearest = max(1, round(self.d_model / self.n_heads)) * self.n_heads
            raise ValueError(f"d_model={self.d_model}: not divisible by n_heads={self.n_heads}; {nearest} would be")
        if self.n_heads % self.kv_heads:
            divisors = [str(n) for n in range(1, self.n_heads + 1) if self.n_heads % n == 0]
            raise ValueError(
                f"n_kv_heads={self.n_kv_heads}: does not divide n_heads={self.n_heads}; choose one of {', '.join(divisors)}"
            )

    def check_positions(self) -> None:
        """Raise ValueError for a cycle of positions that no layer could follow."""
        named = ", ".join(self.positions)
        if not self.positions or set(self.positions) - set(get_args(Position)):
            raise ValueError(f"position=[{named}]: choose from {', '.join(get_args(Position))}")
        if "learned" in self.positions and len(set(self.positions)) > 1:
            raise ValueError(f"position=[{named}]: learned positions belong to the embedding; use them alone or leave them out")
        if "rope" in self.positions and self.head_dim % 2:
            raise ValueError(
                f"d_model={self.d_model}: rope turns pairs, so d_model / n_heads = {self.head_dim} must be even; "
                f"{self.d_model + self.n_heads} would do"
            )

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.d_model // self.n_heads

    @property
    def kv_heads(self) -> int:
        """Number of key and value heads."""
        return self.n_kv_heads or self.n_heads

    @property
    def ff_width(self) -> int:
        """Width of the feed-forward layer: `d_ff`, or the default of the activation."""
        if self.d_ff is not None:
            return self.d_ff
        return -(-8 * self.d_model // 192) * 64 if self.is_gated else 4 * self.d_model

    @property
    def is_gated(self) -> bool:
        """Whether the feed-forward layer has a gate beside it."""
        return self.activation == "swiglu"

    @property
    def positions(self) -> tuple[Position, ...]:
        """The cycle of positions, repeated over the layers."""
        return (self.position,) if isinstance(self.position, str) else tuple(self.position)

    def position_of(self, layer: int) -> Position:
        """How order is told in one layer."""
        return self.positions[layer % len(self.positions)]

    @property
    def is_extended(self) -> bool:
        """Whether it has parts that only this program knows, or layers that are told the order in different ways."""
        return self.copy_head or self.repeat_embedding or len(set(self.positions)) > 1

    @property
    def portable_as(self) -> str | None:
        """The stock transformers class that holds exactly this shape; None where there is none."""
        if self.is_extended:
            return None
        match self.positions[0], self.norm, self.activation, self.bias:
            case "learned", "layernorm", "gelu" | "gelu_tanh", True:
                return "GPT2LMHeadModel" if self.kv_heads == self.n_heads and not self.qk_norm else None
            case "rope", "rmsnorm", "swiglu", False:
                return "Qwen3ForCausalLM" if self.qk_norm else "LlamaForCausalLM"
        return None

    @property
    def gguf_as(self) -> str | None:
        """The architecture of an unmodified llama.cpp that computes exactly this shape; None where there is none.

        `mpt` normalizes by LayerNorm. It holds RMSNorm as well: in a wider residual stream, turned so that the mean of its
        channels is always zero, both norms agree up to a constant that goes into the next weights.
        """
        if self.is_extended:
            return None
        match self.positions[0], self.norm, self.activation, self.bias:
            case "learned", "layernorm", "gelu_tanh", True:
                return "gpt2" if self.kv_heads == self.n_heads and not self.qk_norm else None
            case "rope", "rmsnorm", "swiglu", False:
                return "qwen3" if self.qk_norm else "llama"
            case "alibi" | "nope", _, "gelu_tanh", False:
                return None if self.qk_norm else "mpt"
        return None
