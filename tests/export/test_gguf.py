"""A GGUF file holds the model and its tokenizer whole, or is not written."""

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from handspun.errors import DiskFullError, ExportError
from handspun.export import gguf as exporter
from handspun.export.gguf import export_gguf
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.tokens.config import TokensConfig
from handspun.tokens.control import CHAT_TEMPLATE
from handspun.tokens.tokenizer import Tokenizer
from portable import PORTABLE, portable_model


def value(reader: gguf.GGUFReader, key: str) -> object:
    return reader.fields[key].contents()


@pytest.mark.parametrize("name", PORTABLE)
def test_the_file_names_its_architecture_and_holds_every_weight(name: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = portable_model(name, tokenizer.vocab_size)
    export_gguf(model, tokenizer, tmp_path / "model.gguf", name="tiny", dtype="f32")
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    assert value(reader, "general.architecture") == name
    assert value(reader, f"{name}.context_length") == 64 and value(reader, f"{name}.block_count") == 2
    n_stored = sum(int(np.prod(tensor.shape)) for tensor in reader.tensors)
    assert n_stored == sum(weight.numel() for weight in model.parameters())
    (table,) = (tensor for tensor in reader.tensors if tensor.name == "token_embd.weight")
    assert np.array_equal(table.data, model.embedding.weight.detach().numpy())


def test_the_tokenizer_is_in_the_file(tokenizer: Tokenizer, tmp_path: Path) -> None:
    export_gguf(portable_model("qwen3", tokenizer.vocab_size), tokenizer, tmp_path / "model.gguf", name="tiny")
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    assert value(reader, "tokenizer.ggml.pre") == "gpt-2"
    assert value(reader, "tokenizer.chat_template") == CHAT_TEMPLATE
    assert value(reader, "tokenizer.ggml.eos_token_id") == tokenizer.end_of_turn
    tokens, kinds = value(reader, "tokenizer.ggml.tokens"), value(reader, "tokenizer.ggml.token_type")
    assert isinstance(tokens, list) and isinstance(kinds, list)
    assert len(tokens) == tokenizer.vocab_size
    assert {token for token, kind in zip(tokens, kinds) if kind == 3} == set(tokenizer.control)


@pytest.mark.parametrize(("dtype", "bits", "error"), [("bf16", 16, 0.003), ("q8_0", 8.5, 0.006), ("q4_0", 4.5, 0.09)])
def test_matrices_are_stored_in_fewer_bits_and_the_rest_in_fp32(
    dtype: str, bits: float, error: float, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model = portable_model("llama", tokenizer.vocab_size)
    export_gguf(model, tokenizer, tmp_path / "model.gguf", name="tiny", dtype=dtype)
    for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors:
        assert tensor.n_bytes * 8 == tensor.n_elements * (32 if "norm" in tensor.name else bits)
        if tensor.name == "blk.0.attn_output.weight":
            stored = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            weight = model.blocks[0].attention.out.weight.detach().numpy()
            assert 0 < np.linalg.norm(stored - weight) / np.linalg.norm(weight) < error


def test_a_width_that_does_not_split_into_groups_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = portable_model("qwen3", tokenizer.vocab_size, d_model=40)
    with pytest.raises(ExportError, match="q8_0 stores 32 weights together, and a matrix here has rows of 40"):
        export_gguf(model, tokenizer, tmp_path / "model.gguf", name="tiny", dtype="q8_0")
    export_gguf(model, tokenizer, tmp_path / "model.gguf", name="tiny", dtype="bf16")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"copy_head": True}, "copy_head=true is a part that llama.cpp does not have"),
        ({"position": ("alibi", "nope")}, r"position=\[alibi, nope\] differs between layers"),
        ({"position": "alibi", "activation": "gelu_tanh", "qk_norm": False}, 'position="alibi" is not exported yet'),
        ({"activation": "relu2"}, "no architecture with position=rope, norm=rmsnorm, activation=relu2, bias=false"),
    ],
)
def test_a_shape_that_llama_cpp_does_not_compute_is_refused(
    changes: dict, reason: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model = Transformer(ModelConfig(d_model=32, n_layers=1, n_heads=2, **changes), tokenizer.vocab_size)
    with pytest.raises(ExportError, match=reason):
        export_gguf(model, tokenizer, tmp_path / "model.gguf", name="tiny")
    assert not list(tmp_path.iterdir())


def test_an_uncased_tokenizer_is_refused(tmp_path: Path) -> None:
    uncased = Tokenizer.train(["a shard holds words, "] * 99, TokensConfig(vocab_size=30, profile="uncased"))
    with pytest.raises(ExportError, match=r'tokens\.profile="uncased" cannot be exported'):
        export_gguf(portable_model("qwen3", uncased.vocab_size), uncased, tmp_path / "model.gguf", name="tiny")


def test_half_a_file_is_never_seen(tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> np.ndarray:
        raise OSError(28, "No space left on device")

    path = tmp_path / "model.gguf"
    export_gguf(portable_model("qwen3", tokenizer.vocab_size), tokenizer, path, name="tiny")
    before = path.read_bytes()
    monkeypatch.setattr(exporter, "stored", fail)
    with pytest.raises(DiskFullError, match="MiB needed"):
        export_gguf(portable_model("gpt2", tokenizer.vocab_size), tokenizer, path, name="tiny")
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(ExportError, match=r'pip install "handspun\[gguf\]"'):
        exporter.load_gguf()


def test_weights_are_not_changed_by_writing_them(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = portable_model("llama", tokenizer.vocab_size)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    export_gguf(model, tokenizer, tmp_path / "model.gguf", name="tiny", dtype="q4_0")
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
