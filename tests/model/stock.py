"""The stock transformers model of the same shape, with the weights of one of ours."""

from collections.abc import Callable

import torch
from torch import Tensor
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer


def stock_model(model: Transformer) -> PreTrainedModel:
    """The class that `portable_as` names, holding the same weights."""
    name = model.config.portable_as
    assert name is not None
    build: dict[str, Callable[[Transformer], PreTrainedModel]] = {
        "GPT2LMHeadModel": stock_gpt2,
        "LlamaForCausalLM": lambda model: stock_llama(model, LlamaForCausalLM, LlamaConfig),
        "Qwen3ForCausalLM": lambda model: stock_llama(model, Qwen3ForCausalLM, Qwen3Config),
    }
    return build[name](model).eval()


def stock_gpt2(model: Transformer) -> PreTrainedModel:
    c = model.config
    stock = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=model.vocab_size,
            n_positions=c.max_seq_len,
            n_embd=c.d_model,
            n_layer=c.n_layers,
            n_head=c.n_heads,
            n_inner=c.ff_width,
            activation_function={"gelu": "gelu", "gelu_tanh": "gelu_new"}[c.activation],
            layer_norm_epsilon=c.norm_eps,
            tie_word_embeddings=c.tie_embeddings,
        )
    )
    ours = model.state_dict()
    names = {"transformer.wte": "embedding", "transformer.wpe": "positions", "transformer.ln_f": "norm"}
    for layer in range(c.n_layers):
        theirs, block = f"transformer.h.{layer}.", f"blocks.{layer}."
        names |= {theirs + "ln_1": block + "attention_norm", theirs + "ln_2": block + "feed_forward_norm"}
        names |= {theirs + "attn.c_attn": block + "attention.qkv", theirs + "attn.c_proj": block + "attention.out"}
        names |= {theirs + "mlp.c_fc": block + "feed_forward.up", theirs + "mlp.c_proj": block + "feed_forward.down"}
    weights = {}
    for theirs, name in names.items():
        is_convolution = ".c_" in theirs  # GPT-2 keeps these matrices the other way round
        weights[theirs + ".weight"] = ours[name + ".weight"].T if is_convolution else ours[name + ".weight"]
        if name + ".bias" in ours:
            weights[theirs + ".bias"] = ours[name + ".bias"]
    return with_weights(stock, weights, model)


def stock_llama(
    model: Transformer, model_class: type[PreTrainedModel], config_class: type[LlamaConfig] | type[Qwen3Config]
) -> PreTrainedModel:
    """Llama and Qwen3, which has norms over the heads besides."""
    c = model.config
    config = config_class(
        vocab_size=model.vocab_size,
        hidden_size=c.d_model,
        intermediate_size=c.ff_width,
        num_hidden_layers=c.n_layers,
        num_attention_heads=c.n_heads,
        num_key_value_heads=c.kv_heads,
        head_dim=c.head_dim,
        max_position_embeddings=c.max_seq_len,
        rms_norm_eps=c.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": c.rope_theta},
        tie_word_embeddings=c.tie_embeddings,
    )
    ours = model.state_dict()
    weights = {"model.embed_tokens.weight": ours["embedding.weight"], "model.norm.weight": ours["norm.weight"]}
    for layer in range(c.n_layers):
        weights |= {f"model.layers.{layer}.{name}.weight": weight for name, weight in llama_layer(c, ours, layer).items()}
    return with_weights(model_class(config), weights, model)


def llama_layer(c: ModelConfig, ours: dict[str, Tensor], layer: int) -> dict[str, Tensor]:
    """One layer's weights under Llama's names; our merged matrices are taken apart."""
    block = f"blocks.{layer}."
    widths = (c.n_heads * c.head_dim, c.kv_heads * c.head_dim, c.kv_heads * c.head_dim)
    q, k, v = ours[block + "attention.qkv.weight"].split(widths)
    gate, up = ours[block + "feed_forward.up.weight"].split((c.ff_width, c.ff_width))
    names = {
        "self_attn.q_proj": q,
        "self_attn.k_proj": k,
        "self_attn.v_proj": v,
        "self_attn.o_proj": ours[block + "attention.out.weight"],
        "mlp.gate_proj": gate,
        "mlp.up_proj": up,
        "mlp.down_proj": ours[block + "feed_forward.down.weight"],
        "input_layernorm": ours[block + "attention_norm.weight"],
        "post_attention_layernorm": ours[block + "feed_forward_norm.weight"],
    }
    if c.qk_norm:
        names |= {f"self_attn.{part}_norm": ours[block + f"attention.{part}_norm.weight"] for part in ("q", "k")}
    return names


def with_weights(stock: PreTrainedModel, weights: dict[str, Tensor], model: Transformer) -> PreTrainedModel:
    """Fill the stock model; every parameter it has must have been given."""
    weights["lm_head.weight"] = model.head_weight.detach()
    expected = {name for name, _ in stock.named_parameters(remove_duplicate=False)}
    assert expected == weights.keys(), expected ^ weights.keys()
    stock.load_state_dict(weights, strict=False)
    return stock.to(torch.float32)
