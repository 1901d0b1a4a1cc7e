"""A model put together from quantized weights."""

from collections.abc import Mapping

import torch
from torch import Tensor

from handspun.model.linear import Linear
from handspun.model.transformer import Transformer
from handspun.quantize.config import Format
from handspun.quantize.int4 import Int4
from handspun.quantize.int8 import Int8
from handspun.quantize.linear import Small, SmallLinear, SmallTable, bf16_linear, small_linear
from handspun.quantize.size import may_be_packed_twice


def small_weight(weight: Tensor, format: Format) -> Small | Tensor:
    """A weight as a format stores it."""
    match format:
        case "int8":
            return Int8.of(weight)
        case "int4":
            return Int4.of(weight)
        case "bf16":
            return weight.bfloat16()
        case "fp32":
            return weight.float()


def stored(name: str, weight: Small | Tensor) -> dict[str, Tensor]:
    """The tensors of a weight under the names that they are stored by."""
    if isinstance(weight, Tensor):
        return {name: weight}
    return {f"{name}.{part}": tensor for part, tensor in weight.tensors().items()}


def stored_weight(name: str, format: Format, tensors: Mapping[str, Tensor]) -> Small | Tensor:
    """The weight of this name among stored tensors."""
    match format:
        case "int8":
            return Int8(tensors[f"{name}.values"], tensors[f"{name}.scale"])
        case "int4":
            return Int4(tensors[f"{name}.pairs"], tensors[f"{name}.scale"], tensors[f"{name}.middle"])
        case _:
            return tensors[name]


def fill(shell: Transformer, tensors: Mapping[str, Tensor], formats: Mapping[str, Format], device: str) -> Transformer:
    """Give a model on the device "meta" weights to read with.

    On a CPU they stay small, each packed for its kernel. Elsewhere they become whole matrices of the dtype it computes in.
    """
    small = {name: stored_weight(name, format, tensors) for name, format in formats.items()}
    if device == "cpu":
        fill_small(shell, small)
    else:
        dtype = shell.compute_dtype
        whole = {name: w if isinstance(w, Tensor) else w.whole() for name, w in small.items()}
        shell.load_state_dict({name: weight.to(device, dtype) for name, weight in whole.items()}, assign=True)
    return shell.requires_grad_(False)


def fill_small(model: Transformer, weights: Mapping[str, Small | Tensor]) -> None:
    """Put in the layers that read small weights, and the other weights as they are computed with.

    Raises RuntimeError where a weight is missing or has another shape.
    """
    dtype, may_pack_twice = model.compute_dtype, may_be_packed_twice(model.config, model.vocab_size)
    names = [name for name, module in model.named_modules() if isinstance(module, Linear)]
    if absent := [name for name in names if f"{name}.weight" not in weights]:
        raise RuntimeError(f"no weights for {', '.join(absent)}")
    if model.head is None:
        model.head = layer(weights["embedding.weight"], None, dtype, may_pack_twice=may_pack_twice)  # type: ignore[assignment]
    for name in names:
        bias = weights.get(f"{name}.bias")
        reader = layer(weights[f"{name}.weight"], bias, dtype, may_pack_twice=may_pack_twice)
        if reader is not None:
            model.set_submodule(name, reader)
    if isinstance(table := weights["embedding.weight"], Int8):
        model.embedding = SmallTable(table)  # type: ignore[assignment]
    wanted = model.state_dict().keys()
    rest = {name: w.to(dtype) for name, w in weights.items() if name in wanted and isinstance(w, Tensor)}
    model.load_state_dict(rest, assign=True)


def layer(
    weight: Small | Tensor, bias: Small | Tensor | None, dtype: torch.dtype, *, may_pack_twice: bool
) -> SmallLinear | None:
    """The layer that multiplies with a weight; None where the stock one does it."""
    own_bias = bias.to(dtype) if isinstance(bias, Tensor) else None
    if not isinstance(weight, Tensor):
        return small_linear(weight, own_bias, dtype, may_pack_twice=may_pack_twice)
    return bf16_linear(weight, own_bias) if weight.dtype == dtype == torch.bfloat16 else None
