"""Telling each token whether it was read before: what a small model needs to compare a name with a name.

The feature is the exact match of reading comprehension (Chen 2017). A copy head quotes so well that the layers below it have no
reason to learn matching on their own; without this, telling the right passage from a sibling's was not learnt in minutes.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from handspun.model.config import ModelConfig
from handspun.model.ragged import Ragged
from handspun.model.view import View

N_KINDS = 3
"""New; read before; read before after the same predecessor."""


class RepeatEmbedding(nn.Module):
    """A table of what is added to a token's state for each kind of repetition."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.table = nn.Embedding(N_KINDS, config.d_model)

    def forward(self, ids: Int[Tensor, "B T"], view: View, ragged: Ragged | None = None) -> Float[Tensor, "B T D"]:
        """For every token of whole rows, or for the new ones of ragged rows."""
        kinds = repeat_kinds(ids, view) if ragged is None else ragged_repeat_kinds(ragged).unsqueeze(0)
        return F.embedding(kinds, self.table.weight)


def repeat_kinds(ids: Int[Tensor, "B T"], view: View) -> Int[Tensor, "B T"]:
    """0 for a token that is new to what it may look at, 1 for one read before, 2 where its predecessor matches too."""
    before, is_seen = F.pad(ids[:, :-1], (1, 0)), view.allowed.squeeze(1)
    is_same = (ids.unsqueeze(2) == ids.unsqueeze(1)) & is_seen & (view.distance > 0)
    is_predecessor_seen = F.pad(is_seen[:, :, :-1], (1, 0))
    is_pair = is_same & (before.unsqueeze(2) == before.unsqueeze(1)) & is_predecessor_seen
    return is_same.any(-1).long() + is_pair.any(-1).long()


def ragged_repeat_kinds(ragged: Ragged) -> Int[Tensor, " T"]:
    """The same for the new tokens of rows that may look at all of themselves."""
    context, positions = ragged.context(range(len(ragged.parts))), ragged.positions[0].unsqueeze(1)
    read = context.ids.repeat_interleave(torch.tensor(ragged.sizes, device=positions.device), dim=0)
    before = F.pad(read[:, :-1], (1, 0), value=-1)
    is_earlier = torch.arange(read.shape[1], device=positions.device) < positions
    is_same = (read == read.gather(1, positions)) & is_earlier
    is_pair = is_same & (before == before.gather(1, positions)) & (before >= 0)
    return is_same.any(-1).long() + is_pair.any(-1).long()
