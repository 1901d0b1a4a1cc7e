"""What a shape costs, by arithmetic alone: parameters, FLOPs and bytes. Nothing here builds a model or imports torch."""

from typing import Literal

from handspun.model.config import ModelConfig

Kernels = Literal["cpu", "stock", "compiled"]
"""Whose kernels compute: ours for the CPU, those that torch has for a GPU, or what torch.compile makes of them."""

FP32_BYTES, BOOL_BYTES = 4, 1
STATE_COPIES = {"adamw": 2, "muon": 1}
"""fp32 tensors an optimizer keeps per weight."""
LOGIT_SLICE_ELEMENTS, GPU_LOGIT_SLICE_ELEMENTS = 1 << 21, 1 << 26
"""Logits that exist at a time in the loss, on a CPU and on a GPU."""
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


def optimizer_states(config: ModelConfig, vocab_size: int, optimizer: str) -> int:
    """The fp32 numbers that an optimizer keeps: muon those of the blocks' matrices, adamw those of the rest or of all."""
    n_matrices = block_matrices(config)
    n_others = sum(parameters(config, vocab_size).values()) - n_matrices
    return STATE_COPIES["adamw"] * n_others + STATE_COPIES[optimizer] * n_matrices


def block_parameters(config: ModelConfig) -> int:
    """Weights of one block."""
    norms = 2 * config.d_model * (2 if config.norm == "layernorm" and config.bias else 1)
    return attention_parameters(config) + feed_forward_parameters(config) + norms


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


def activation_bytes_per_token(config: ModelConfig, seq_len: int, *, dtype_bytes: int, kernels: Kernels = "cpu") -> int:
    """What is kept of one token between forward and backward, on average over the row."""
    layer = layer_bytes_per_token(config, seq_len, dtype_bytes=dtype_bytes, kernels=kernels)
    return config.n_layers * layer + edge_bytes_per_token(config, seq_len, dtype_bytes=dtype_bytes, kernels=kernels)


def edge_bytes_per_token(config: ModelConfig, seq_len: int, *, dtype_bytes: int, kernels: Kernels = "cpu") -> int:
    """What is kept of one token before the first block and after the last."""
    dropped = config.d_model * dtype_bytes if config.dropout else 0
    matches = seq_len * (2 * FP32_BYTES + BOOL_BYTES)
    copying = matches + 2 * config.copy_dim * dtype_bytes if config.copy_head else 0
    return dropped + norm_bytes_per_token(config, dtype_bytes=dtype_bytes, kernels=kernels) + copying


def layer_bytes_per_token(config: ModelConfig, seq_len: int, *, dtype_bytes: int, kernels: Kernels = "cpu") -> int:
    """What one block keeps of one token."""
    norm = norm_bytes_per_token(config, dtype_bytes=dtype_bytes, kernels=kernels)
    fed = (4 if config.is_gated else 2) * config.ff_width * dtype_bytes
    dropped = config.d_model * dtype_bytes if config.dropout else 0
    attended = attention_bytes_per_token(config, seq_len, dtype_bytes=dtype_bytes, kernels=kernels)
    return 2 * norm + attended + fed + 2 * dropped


def norm_bytes_per_token(config: ModelConfig, *, dtype_bytes: int, kernels: Kernels) -> int:
    """What a norm keeps of one token: what it turns it into, twice; the stock RMSNorm its input in fp32 as well."""
    is_wide = config.norm == "rmsnorm" and kernels == "stock"
    return 2 * config.d_model * dtype_bytes + FP32_BYTES + (config.d_model * FP32_BYTES if is_wide else 0)


def attention_bytes_per_token(config: ModelConfig, seq_len: int, *, dtype_bytes: int, kernels: Kernels = "cpu") -> int:
    """What one layer's attention keeps of one token behind its norm: by recipe the weights thrice, once, or not at all."""
    d, heads = config.d_model, config.n_heads
    turned = (heads + config.kv_heads) * config.head_dim
    normed = 0
    if config.qk_norm:
        normed = turned * (dtype_bytes + (FP32_BYTES if kernels == "stock" else 0)) + (heads + config.kv_heads) * FP32_BYTES
    if config.dropout and kernels == "cpu":
        attended = 3 * (d + heads * seq_len) * FP32_BYTES
    elif kernels == "cpu" and dtype_bytes < FP32_BYTES and seq_len <= LONGEST_STORED_ROW:
        attended = (3 * d + heads * mean_stored_row(seq_len)) * dtype_bytes
    else:
        is_turned = config.qk_norm or "rope" in config.positions
        attended = (qkv_width(config) + (turned if is_turned else 0)) * dtype_bytes + heads * FP32_BYTES
    return normed + attended + d * dtype_bytes


def mean_stored_row(seq_len: int) -> int:
    """How many attention weights are kept per query and head: a block of queries shares the keys up to its end."""
    ends = [min(start + STORED_BLOCK, seq_len) for start in range(0, seq_len, STORED_BLOCK)]
    return sum(end * (end - start) for start, end in zip([0, *ends], ends)) // seq_len
