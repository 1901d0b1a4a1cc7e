"""A linear layer whose weight stays in its own dtype while it computes in the dtype of its input."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Linear(nn.Linear):
    """y = x Wᵀ + b. The fp32 weight is cast for each use and never replaced, so the optimizer keeps its small steps.

    Casting the whole model to bf16 instead loses every update below 1/256 of a weight.
    """

    def forward(self, input: Float[Tensor, "... D"]) -> Float[Tensor, "... F"]:
        bias = None if self.bias is None else self.bias.to(input.dtype)
        return F.linear(input, self.weight.to(input.dtype), bias)
