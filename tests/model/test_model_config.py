import pytest

from handspun.model.config import ModelConfig


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ({"d_model": 0}, "d_model=0: choose at least 1"),
        ({"n_layers": -1}, "n_layers=-1: choose at least 1"),
        ({"n_heads": 0}, "n_heads=0: choose at least 1"),
        ({"max_seq_len": 0}, "max_seq_len=0: choose at least 1"),
        ({"copy_dim": 0}, "copy_dim=0: choose at least 1"),
        ({"n_kv_heads": 0}, "n_kv_heads=0: choose at least 1, or leave it out"),
        ({"d_ff": -4}, "d_ff=-4: choose at least 1, or leave it out"),
        ({"norm_eps": 0.0}, "norm_eps=0.0: choose a number above 0"),
        ({"rope_theta": -1.0}, "rope_theta=-1.0: choose a number above 0"),
        ({"rope_theta": float("nan")}, "rope_theta=nan: choose a number above 0"),
        ({"dropout": 1.0}, "dropout=1.0: choose a share from 0 to below 1"),
        ({"dropout": -0.1}, "dropout=-0.1: choose a share from 0 to below 1"),
        ({"d_model": 250}, "d_model=250: not divisible by n_heads=4; 248 would be"),
        ({"d_model": 3}, "d_model=3: not divisible by n_heads=4; 4 would be"),
        ({"n_heads": 4, "n_kv_heads": 3}, "n_kv_heads=3: does not divide n_heads=4; choose one of 1, 2, 4"),
        ({"n_heads": 4, "n_kv_heads": 8}, "n_kv_heads=8: does not divide n_heads=4; choose one of 1, 2, 4"),
        ({"position": ()}, "position=[]: choose from learned, rope, alibi, nope"),
        ({"position": ("learned", "rope")}, "position=[learned, rope]: learned positions belong to the embedding"),
        ({"d_model": 12, "n_heads": 4}, "d_model=12: rope turns pairs, so d_model / n_heads = 3 must be even; 16 would do"),
    ],
)
def test_an_impossible_value_is_refused_with_its_key_and_a_remedy(shape, sentence):
    with pytest.raises(ValueError) as refusal:
        ModelConfig(**shape)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("norm", "batchnorm", "choose one of layernorm, rmsnorm"),
        ("activation", "silu", "choose one of gelu, gelu_tanh, swiglu, relu2"),
        ("position", "sinusoidal", "choose from learned, rope, alibi, nope"),
        ("position", ("rope", "nowhere"), "choose from learned, rope, alibi, nope"),
    ],
)
def test_an_unknown_name_is_refused_with_those_there_are(key, value, remedy):
    with pytest.raises(ValueError, match=f"^{key}=.*{remedy}$"):
        ModelConfig(**{key: value})


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"d_model": 12, "position": "nope"},
        {"n_kv_heads": 1},
        {"dropout": 0.5},
        {"position": ("alibi", "nope")},
        {"d_ff": 1},
    ],
)
def test_possible_shapes_stand(shape):
    assert ModelConfig(**shape).kv_heads >= 1


@pytest.mark.parametrize(
    ("shape", "width"),
    [
        ({"d_model": 384}, 1024),
        ({"d_model": 256}, 704),
        ({"d_model": 384, "activation": "relu2"}, 1536),
        ({"d_model": 384, "d_ff": 100}, 100),
    ],
)
def test_the_feed_forward_width_follows_the_activation_unless_it_is_given(shape, width):
    assert ModelConfig(**shape).ff_width == width


def test_a_cycle_of_positions_repeats_over_the_layers():
    config = ModelConfig(position=("alibi", "nope", "nope"))
    assert [config.position_of(layer) for layer in range(5)] == ["alibi", "nope", "nope", "alibi", "nope"]
    assert {ModelConfig(position="alibi").position_of(layer) for layer in range(5)} == {"alibi"}


GPT2 = {"position": "learned", "norm": "layernorm", "activation": "gelu_tanh", "bias": True, "qk_norm": False}


QT = {"position": "alibi", "activation": "gelu_tanh", "qk_norm": False}


@pytest.mark.parametrize(
    ("shape", "transformers_class", "architecture"),
    [
        ({}, "Qwen3ForCausalLM", "qwen3"),
        ({"position": ("rope", "rope")}, "Qwen3ForCausalLM", "qwen3"),
        ({"n_kv_heads": 2, "qk_norm": False}, "LlamaForCausalLM", "llama"),
        (GPT2, "GPT2LMHeadModel", "gpt2"),
        ({**GPT2, "activation": "gelu"}, "GPT2LMHeadModel", None),
        ({**GPT2, "n_kv_heads": 1}, None, None),
        ({**GPT2, "qk_norm": True}, None, None),
        ({**GPT2, "bias": False}, None, None),
        (QT, None, "mpt"),
        ({**QT, "position": "nope"}, None, "mpt"),
        ({**QT, "norm": "layernorm"}, None, "mpt"),
        ({**QT, "position": ("alibi", "nope")}, None, None),
        ({**QT, "activation": "gelu"}, None, None),
        ({**QT, "qk_norm": True}, None, None),
        ({**QT, "copy_head": True}, None, None),
        ({"copy_head": True}, None, None),
        ({"repeat_embedding": True}, None, None),
        ({"bias": True}, None, None),
        ({"activation": "relu2"}, None, None),
        ({"position": "alibi"}, None, None),
        ({"position": ("rope", "nope")}, None, None),
        ({"norm": "layernorm"}, None, None),
    ],
)
def test_a_shape_knows_the_stock_programs_that_hold_it(shape, transformers_class, architecture):
    config = ModelConfig(**shape)
    assert (config.portable_as, config.gguf_as) == (transformers_class, architecture)
