"""What quantized weights take is known by the same arithmetic that decides how they are packed."""

from dataclasses import replace

import pytest
import torch

from handspun.machine import Memory
from handspun.model.config import ModelConfig
from handspun.model.cost import parameters
from handspun.model.transformer import Transformer
from handspun.quantize import size
from handspun.quantize.config import Format, Scheme, format_of
from handspun.quantize.linear import SmallLinear
from handspun.quantize.model import fill, small_weight, stored
from handspun.quantize.size import packed_bytes, second_packing_bytes, stored_bytes

MODEL, VOCABULARY = ModelConfig(d_model=64, n_layers=2, n_heads=2, tie_embeddings=False), 320
TABLE = VOCABULARY * MODEL.d_model


def machine_of(monkeypatch: pytest.MonkeyPatch, total_bytes: int, free_bytes: int = 0) -> None:
    """A machine with so much memory."""
    monkeypatch.setattr(size, "memory", lambda: Memory(total_bytes, free_bytes))


def enough() -> int:
    """The least memory with which matrices are packed twice."""
    return size.SHARE_FOR_SECOND_PACKING * second_packing_bytes(MODEL, VOCABULARY)


def quantized(scheme: Scheme) -> Transformer:
    """The model with weights of a scheme, always the same."""
    torch.manual_seed(0)
    weights = Transformer(MODEL, VOCABULARY).state_dict()
    formats: dict[str, Format] = {name: format_of(name, tuple(weight.shape), scheme) for name, weight in weights.items()}
    tensors: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        tensors |= stored(name, small_weight(weight, formats[name]))
    with torch.device("meta"):
        shell = Transformer(MODEL, VOCABULARY)
    return fill(shell, tensors, formats, "cpu").eval()


def layers(model: Transformer) -> list[SmallLinear]:
    """The layers that read small weights."""
    return [module for module in model.modules() if isinstance(module, SmallLinear)]


@pytest.mark.parametrize("scheme", ["int8", "int4"])
def test_the_second_packing_is_made_where_it_is_counted(monkeypatch: pytest.MonkeyPatch, scheme: Scheme) -> None:
    small = stored_bytes(MODEL, VOCABULARY, scheme)
    machine_of(monkeypatch, enough())
    assert packed_bytes(MODEL, VOCABULARY, scheme, dtype_bytes=4) == small + second_packing_bytes(MODEL, VOCABULARY)
    assert all(layer.one is not layer.several for layer in layers(quantized(scheme)))
    machine_of(monkeypatch, enough() - 1)
    assert packed_bytes(MODEL, VOCABULARY, scheme, dtype_bytes=4) == small
    assert all(layer.one is layer.several for layer in layers(quantized(scheme)))


@pytest.mark.parametrize("scheme", ["int8", "int4"])
def test_the_same_machine_computes_the_same_however_much_memory_is_free(
    monkeypatch: pytest.MonkeyPatch, scheme: Scheme
) -> None:
    found = []
    for free_bytes in (0, enough()):
        machine_of(monkeypatch, enough(), free_bytes)
        model = quantized(scheme)
        found.append([model.logits(model(torch.tensor([[token]]))) for token in (1, 2, 3)])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_a_table_that_is_the_head_too_is_packed_beside_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_of(monkeypatch, 0)
    tied = replace(MODEL, tie_embeddings=True)
    assert stored_bytes(tied, VOCABULARY, "int4") == stored_bytes(MODEL, VOCABULARY, "int4") - TABLE
    assert packed_bytes(tied, VOCABULARY, "int4", dtype_bytes=4) == packed_bytes(MODEL, VOCABULARY, "int4", dtype_bytes=4)


def test_bf16_is_never_packed_twice_and_becomes_what_is_computed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_of(monkeypatch, enough())
    n_params = sum(parameters(MODEL, VOCABULARY).values())
    assert packed_bytes(MODEL, VOCABULARY, "bf16", dtype_bytes=2) == 2 * n_params
    assert packed_bytes(MODEL, VOCABULARY, "bf16", dtype_bytes=4) == 4 * n_params
