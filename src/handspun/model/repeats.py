"""Telling each token whether it was read before: what a small model needs to compare a name with a name.

The feature is the exact match of reading comprehension (Chen 2017). A copy head quotes so well that the layers below it have no
reason to learn matching on their own; without this, telling the right passage from a sibling's was not learnt in minutes.
"""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from handspun.model.config import ModelConfig
from handspun.model.view import View

N_KINDS = 3
"""New; read before; read before after the same predecessor."""


class RepeatEmbedding(nn.Module):
    """A table of what is added to a token's state for each kind of repetition."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.table = nn.Embedding(N_KINDS, config.d_model)

    def forward(self, ids: Int[Tensor, "B S"], view: View) -> Float[Tensor, "B T D"]:
        """For the last T of the S tokens read so far."""
        return F.embedding(repeat_kinds(ids, view), self.table.weight)


def repeat_kinds(ids: Int[Tensor, "B S"], view: View) -> Int[Tensor, "B T"]:
    """0 for a token that is new to what it may look at, 1 for one read before, 2 where its predecessor matches too."""
    first = view.n_keys - view.n_queries
    before = F.pad(ids[:, :-1], (1, 0))
    is_seen = view.allowed.squeeze(1)
    is_same = (ids[:, first:].unsqueeze(2) == ids.unsqueeze(1)) & is_seen & (view.distance > 0)
    is_predecessor_seen = F.pad(is_seen[:, :, :-1], (1, 0))
    is_pair = is_same & (before[:, first:].unsqueeze(2) == before.unsqueeze(1)) & is_predecessor_seen
    return is_same.any(-1).long() + is_pair.any(-1).long()
