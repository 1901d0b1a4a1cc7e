"""What a shape costs, by arithmetic alone: parameters, FLOPs and bytes. Nothing here builds a model or imports torch."""

from dataclasses import dataclass

from handspun.model.config import ModelConfig

FP32_BYTES = 4
STATE_COPIES = {"adamw": 2, "muon": 1}
"""fp32 tensors an optimizer keeps per weight."""
LOGIT_SLICE_ELEMENTS = 1 << 21
"""Logits that exist at a time in the loss."""


def parameters(config: ModelConfig, vocab_size: int) -> dict[str, int]:
    """Weights by part; their sum is the model."""
    d, layers = config.d_model, config.n_layers
    return {
        "embedding": vocab_size * d,
        "positions": config.max_seq_len * d if "learned" in config.positions else 0,
        "attention": layers * attention_parameters(config),
        "feed_forward": layers * feed_forward_parameters(config),
        "norms": (2 * layers + 1) * d * (2 if config.norm == "layernorm" and config.bias else 1),
        "head": 0 if config.tie_embeddings else vocab_size * d,
        "copy_head": 2 * d * config.copy_dim + d + 1 if config.copy_head else 0,
    }


def attention_parameters(config: ModelConfig) -> int:
    """Weights of one layer's attention."""
    d, widths = config.d_model, (config.n_heads + 2 * config.kv_heads) * config.head_dim
    biases = widths + d if config.bias else 0
    return d * widths + d * d + biases + (2 * config.head_dim if config.qk_norm else 0)


def feed_forward_parameters(config: ModelConfig) -> int:
    """Weights of one layer's feed-forward part."""
    d, up = config.d_model, config.ff_width * (2 if config.is_gated else 1)
    return d * up + config.ff_width * d + (up + d if config.bias else 0)


def multiplied_parameters(config: ModelConfig, vocab_size: int) -> int:
    """Weights that each token is multiplied with: matrices, and the head even where it shares the embedding."""
    d = config.d_model
    widths = (config.n_heads + 2 * config.kv_heads) * config.head_dim
    per_layer = d * widths + d * d + d * config.ff_width * (3 if config.is_gated else 2)
    copying = 2 * d * config.copy_dim + d if config.copy_head else 0
    return config.n_layers * per_layer + vocab_size * d + copying


def flops_per_token(config: ModelConfig, vocab_size: int, seq_len: int) -> int:
    """Training FLOPs per token: 6 per multiplied weight and 12 · layers · d_model · seq_len for attention (Chowdhery 2022)."""
    return 6 * multiplied_parameters(config, vocab_size) + 12 * config.n_layers * config.d_model * seq_len


def kv_bytes(config: ModelConfig, n_tokens: int, *, dtype_bytes: int) -> int:
    """Keys and values of `n_tokens` tokens, and what the copy head remembers of them (fp32)."""
    copying = config.copy_dim * FP32_BYTES if config.copy_head else 0
    return n_tokens * (2 * config.n_layers * config.kv_heads * config.head_dim * dtype_bytes + copying)


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that training takes on one device, at their highest."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits


def training_memory(
    config: ModelConfig, vocab_size: int, *, micro_batch: int, seq_len: int, optimizer: str, dtype_bytes: int
) -> TrainingMemory:
    """What a step needs: fp32 weights, gradients and optimizer state, and what the forward pass keeps for the backward."""
    by_part = parameters(config, vocab_size)
    n_params = sum(by_part.values())
    matrices = by_part["attention"] + by_part["feed_forward"]
    states = STATE_COPIES["adamw"] * n_params - (STATE_COPIES["adamw"] - STATE_COPIES[optimizer]) * matrices
    n_tokens = micro_batch * seq_len
    cast = dtype_bytes * multiplied_parameters(config, vocab_size) if dtype_bytes < FP32_BYTES else 0
    return TrainingMemory(
        weights=FP32_BYTES * n_params,
        gradients=FP32_BYTES * n_params,
        optimizer=FP32_BYTES * states,
        activations=cast + n_tokens * activation_bytes_per_token(config, seq_len, dtype_bytes=dtype_bytes),
        logits=2 * LOGIT_SLICE_ELEMENTS * FP32_BYTES + vocab_size * config.d_model * FP32_BYTES,
    )


def activation_bytes_per_token(config: ModelConfig, seq_len: int, *, dtype_bytes: int) -> int:
    """What the layers keep of one token between forward and backward."""
    d, heads = config.d_model, config.n_heads * config.head_dim
    kv = config.kv_heads * config.head_dim
    normed = 2 * 2 * d
    attended = (heads + 2 * kv) * (2 if config.qk_norm else 1) + 3 * heads + heads
    weights = config.n_heads * seq_len if dtype_bytes == 2 else heads
    fed = config.ff_width * (4 if config.is_gated else 2)
    return dtype_bytes * (config.n_layers * (normed + attended + weights + fed) + 2 * d)
