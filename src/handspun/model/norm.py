"""Normalization of the residual stream: LayerNorm (Ba 2016) and RMSNorm (Zhang 2019), statistics in fp32."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from handspun.model.config import ModelConfig


def make_norm(config: ModelConfig, width: int | None = None) -> nn.Module:
    """The norm that the recipe names, over the last dimension."""
    width = width or config.d_model
    if config.norm == "layernorm":
        return LayerNorm(width, config.norm_eps, bias=config.bias)
    return RMSNorm(width, config.norm_eps)


class LayerNorm(nn.Module):
    """(x - mean) / std · weight + bias."""

    def __init__(self, width: int, eps: float, *, bias: bool) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.layer_norm(x, self.weight.shape, self.weight.to(x.dtype), bias, self.eps)


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) · weight."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        if not torch.is_grad_enabled():
            return self.read(x)
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            return RMSNormFunction.apply(x, self.weight.to(x.dtype), self.eps)  # type: ignore[no-any-return]
        return F.rms_norm(x.float(), self.weight.shape, eps=self.eps).to(x.dtype) * self.weight.to(x.dtype)

    def read(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """Without gradients: LayerNorm of (x, -x), whose mean is zero, is one kernel on the CPU, where RMSNorm is a chain."""
        weight, width = self.weight.to(x.dtype), x.shape[-1]
        if x.device.type != "cpu":
            return F.rms_norm(x, self.weight.shape, weight, self.eps)
        return F.layer_norm(torch.cat((x, -x), dim=-1), (2 * width,), eps=self.eps)[..., :width] * weight


class RMSNormFunction(torch.autograd.Function):
    """RMSNorm in few passes over memory: the stock operator is a chain of small ones on the CPU, at a third of the speed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        inverse = norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        unit = torch.mul(x, inverse, out=torch.empty_like(x))
        ctx.save_for_backward(unit, weight, inverse)
        return unit * weight

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        unit, weight, inverse = ctx.saved_tensors
        (grad,) = grads
        product = grad * unit
        grad_weight = product.flatten(0, -2).sum(0, dtype=torch.float32).to(weight.dtype)
        projection = torch.mul(product, weight, out=product).sum(-1, keepdim=True, dtype=torch.float32).div_(unit.shape[-1])
        grad_x = (grad * weight).addcmul_(unit, projection.to(unit.dtype), value=-1)
        return torch.mul(grad_x, inverse, out=grad_x), grad_weight, None
