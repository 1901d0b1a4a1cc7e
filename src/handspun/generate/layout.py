"""How weights lie in memory while a model only reads: the order in which one token at a time is fastest."""

import torch
from torch import nn

from handspun.model.transformer import Transformer


def lay_out_for_reading(model: Transformer) -> Transformer:
    """Store the wide fp32 matrices of a model on a CPU by columns, in place: what it computes stays the same.

    A product with a single state then runs through memory once and in order: 1.2 to 2 times as fast where a matrix has
    no fewer outputs than inputs, slower where it has. Training and bfloat16 gain nothing.
    """
    matrices = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    for weight in (*matrices, model.head_weight):
        if weight.dtype == torch.float32 and weight.device.type == "cpu" and weight.shape[0] >= weight.shape[1]:
            weight.data = weight.data.T.contiguous().T
    return model
