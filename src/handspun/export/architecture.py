"""A model in llama.cpp's terms: the keys that describe its shape, and its weights under llama.cpp's names."""

from collections.abc import Iterator
from typing import Any

from jaxtyping import Float
from torch import Tensor

from handspun.errors import ExportError
from handspun.model.config import ModelConfig
from handspun.model.transformer import Block, Transformer


def architecture(config: ModelConfig) -> str:
    """The architecture of llama.cpp that computes exactly this shape. Raises ExportError where there is none."""
    if config.gguf_as in ("gpt2", "llama", "qwen3"):
        return config.gguf_as
    raise ExportError(f"{reason(config)}; handspun serves this model all the same, and the recipes portable-* can be exported.")


def reason(config: ModelConfig) -> str:
    """What keeps a shape from being exported."""
    if config.gguf_as == "mpt":
        return f'position="{config.positions[0]}" is not exported yet, only learned and rope are'
    for part in ("copy_head", "repeat_embedding"):
        if getattr(config, part):
            return f"{part}=true is a part that llama.cpp does not have"
    if len(set(config.positions)) > 1:
        return f"position=[{', '.join(config.positions)}] differs between layers, which llama.cpp does not have"
    return (
        (
            f"llama.cpp has no architecture with position={config.positions[0]}, norm={config.norm}, "
            f"activation={config.activation}, bias={config.bias} and qk_norm={config.qk_norm}"
        )
        .replace("True", "true")
        .replace("False", "false")
    )


def shape_keys(config: ModelConfig) -> dict[str, Any]:
    """The shape under llama.cpp's keys, without the name of the architecture before them."""
    keys: dict[str, Any] = {
        "context_length": config.max_seq_len,
        "embedding_length": config.d_model,
        "block_count": config.n_layers,
        "feed_forward_length": config.ff_width,
        "attention.head_count": config.n_heads,
        "attention.head_count_kv": config.kv_heads,
    }
    if config.norm == "layernorm":
        return keys | {"attention.layer_norm_epsilon": config.norm_eps}
    return keys | {
        "attention.layer_norm_rms_epsilon": config.norm_eps,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        "rope.dimension_count": config.head_dim,
        "rope.freq_base": config.rope_theta,
    }


def named_weights(model: Transformer) -> Iterator[tuple[str, Tensor]]:
    """Every weight under llama.cpp's name."""
    yield "token_embd.weight", model.embedding.weight
    if model.positions is not None:
        yield "position_embd.weight", model.positions.weight
    for layer, block in enumerate(model.blocks):
        assert isinstance(block, Block)
        weights = gpt2_block(block) if model.positions is not None else llama_block(block, model.config)
        for name, weight in weights:
            yield f"blk.{layer}.{name}", weight
    for name, weight in model.norm.named_parameters():
        yield f"output_norm.{name}", weight
    if model.head is not None:
        yield "output.weight", model.head.weight


def gpt2_block(block: Block) -> Iterator[tuple[str, Tensor]]:
    """A block of GPT-2: the same parts under other names."""
    parts = {
        "attn_norm": block.attention_norm,
        "attn_qkv": block.attention.qkv,
        "attn_output": block.attention.out,
        "ffn_norm": block.feed_forward_norm,
        "ffn_up": block.feed_forward.up,
        "ffn_down": block.feed_forward.down,
    }
    for part, module in parts.items():
        for name, weight in module.named_parameters():
            yield f"{part}.{name}", weight


def llama_block(block: Block, config: ModelConfig) -> Iterator[tuple[str, Tensor]]:
    """A block of Llama or Qwen3, which has norms over the heads besides; our merged matrices are taken apart."""
    q_rows, kv_rows = config.n_heads * config.head_dim, config.kv_heads * config.head_dim
    q, k, v = block.attention.qkv.weight.split((q_rows, kv_rows, kv_rows))
    gate, up = block.feed_forward.up.weight.chunk(2)
    if block.attention.q_norm is None or block.attention.k_norm is None:
        q, k = interleaved(q, config.head_dim), interleaved(k, config.head_dim)
    else:
        yield "attn_q_norm.weight", block.attention.q_norm.weight
        yield "attn_k_norm.weight", block.attention.k_norm.weight
    yield from {
        "attn_norm.weight": block.attention_norm.weight,
        "attn_q.weight": q,
        "attn_k.weight": k,
        "attn_v.weight": v,
        "attn_output.weight": block.attention.out.weight,
        "ffn_norm.weight": block.feed_forward_norm.weight,
        "ffn_gate.weight": gate,
        "ffn_up.weight": up,
        "ffn_down.weight": block.feed_forward.down.weight,
    }.items()


def interleaved(weight: Float[Tensor, "R D"], head_dim: int) -> Float[Tensor, "R D"]:
    """The rows of each head in the order 0, half, 1, half + 1, …: llama.cpp's Llama turns neighbors, we turn halves."""
    return weight.unflatten(0, (-1, 2, head_dim // 2)).transpose(1, 2).flatten(0, 2)
