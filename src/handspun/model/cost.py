"""What a shape costs, by arithmetic alone: parameters, FLOPs and bytes. Nothing here builds a model or imports torch."""

from dataclasses import dataclass

from handspun.model.config import ModelConfig

FP32_BYTES, BOOL_BYTES = 4, 1
STATE_COPIES = {"adamw": 2, "muon": 1}
"""fp32 tensors an optimizer keeps per weight."""
LOGIT_SLICE_ELEMENTS = 1 << 21
"""Logits that exist at a time in the loss."""
LONGEST_STORED_ROW = 1024
"""Up to this many tokens a CPU keeps bf16 attention weights for the backward pass; beyond, the memory is worth more."""
STORED_BLOCK = 256
"""Queries whose weights are computed and kept together."""


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
        "repeats": 3 * d if config.repeat_embedding else 0,
    }


def attention_parameters(config: ModelConfig) -> int:
    """Weights of one layer's attention."""
    d, qkv = config.d_model, qkv_width(config)
    return d * qkv + d * d + (qkv + d if config.bias else 0) + (2 * config.head_dim if config.qk_norm else 0)


def feed_forward_parameters(config: ModelConfig) -> int:
    """Weights of one layer's feed-forward part."""
    d, up = config.d_model, up_width(config)
    return d * up + config.ff_width * d + (up + d if config.bias else 0)


def qkv_width(config: ModelConfig) -> int:
    """Queries, keys and values of one token in one layer."""
    return (config.n_heads + 2 * config.kv_heads) * config.head_dim


def up_width(config: ModelConfig) -> int:
    """What the feed-forward part widens one token to; swiglu has a gate beside the values."""
    return config.ff_width * (2 if config.is_gated else 1)


def block_matrices(config: ModelConfig) -> int:
    """Weights of the matrices inside the blocks: those Muon is made for."""
    return config.n_layers * config.d_model * (qkv_width(config) + config.d_model + up_width(config) + config.ff_width)


def multiplied_parameters(config: ModelConfig, vocab_size: int) -> int:
    """Weights that each token is multiplied with: matrices, and the head even where it shares the embedding."""
    d = config.d_model
    copying = 2 * d * config.copy_dim + d if config.copy_head else 0
    return block_matrices(config) + vocab_size * d + copying


def flops_per_token(config: ModelConfig, vocab_size: int, seq_len: int) -> int:
    """Training FLOPs per token: 6 per multiplied weight and 12 · layers · d_model · seq_len for attention (Chowdhery 2022)."""
    copying = 6 * config.copy_dim * seq_len if config.copy_head else 0
    attending = 12 * config.n_layers * config.d_model * seq_len
    return 6 * multiplied_parameters(config, vocab_size) + attending + copying


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
    n_params, n_matrices = sum(parameters(config, vocab_size).values()), block_matrices(config)
    states = STATE_COPIES["adamw"] * (n_params - n_matrices) + STATE_COPIES[optimizer] * n_matrices
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
    """What a CPU keeps of one token between forward and backward, on average over the row."""
    d = config.d_model
    norm = 2 * d * dtype_bytes + FP32_BYTES
    fed = (4 if config.is_gated else 2) * config.ff_width * dtype_bytes
    dropped = d * dtype_bytes if config.dropout else 0
    layer = 2 * norm + attention_bytes_per_token(config, seq_len, dtype_bytes=dtype_bytes) + fed + 2 * dropped
    matches = seq_len * (2 * FP32_BYTES + BOOL_BYTES)
    copying = matches + 2 * config.copy_dim * dtype_bytes if config.copy_head else 0
    return dropped + config.n_layers * layer + norm + copying


def attention_bytes_per_token(config: ModelConfig, seq_len: int, *, dtype_bytes: int) -> int:
    """What one layer's attention keeps of one token behind its norm: by recipe the weights thrice, once, or not at all."""
    d, heads = config.d_model, config.n_heads
    turned = (heads + config.kv_heads) * config.head_dim
    normed = turned * dtype_bytes + (heads + config.kv_heads) * FP32_BYTES if config.qk_norm else 0
    if config.dropout:
        attended = 3 * (d + heads * seq_len) * FP32_BYTES
    elif dtype_bytes < FP32_BYTES and seq_len <= LONGEST_STORED_ROW:
        attended = (3 * d + heads * mean_stored_row(seq_len)) * dtype_bytes
    else:
        is_turned = config.qk_norm or "rope" in config.positions
        attended = (qkv_width(config) + (turned if is_turned else 0)) * dtype_bytes + heads * FP32_BYTES
    return normed + attended + d * dtype_bytes


def mean_stored_row(seq_len: int) -> int:
    """How many attention weights are kept per query and head: a block of queries shares the keys up to its end."""
    ends = [min(start + STORED_BLOCK, seq_len) for start in range(0, seq_len, STORED_BLOCK)]
    return sum(end * (end - start) for start, end in zip([0, *ends], ends)) // seq_len
