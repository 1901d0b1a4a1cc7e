"""The model and its loss in one forward: what several processes share has to happen inside one module."""

from jaxtyping import Float
from torch import Tensor, nn

from handspun.model.transformer import Transformer
from handspun.train.batches import Batch
from handspun.train.loss import next_token_loss


class Objective(nn.Module):
    """A batch in, the summed loss of its positions out.

    The loss reads the weight of the head, so it belongs to what DistributedDataParallel and fully_shard wrap: outside of them a
    weight that is spread over processes is not whole, and the gradients of one that is not are never added up.
    """

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Float[Tensor, ""]:
        return next_token_loss(self.model, batch.ids, batch.targets, batch.loss_mask, batch.segments)
