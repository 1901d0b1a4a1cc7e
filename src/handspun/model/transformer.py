"""A decoder-only transformer: ids in, hidden states and logits out."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from handspun.model.attention import Attention
from handspun.model.config import ModelConfig
from handspun.model.copy_head import FIRST_GATE, CopyHead
from handspun.model.feed_forward import FeedForward
from handspun.model.linear import Linear
from handspun.model.norm import make_norm
from handspun.model.position import Rotary, rotary_table
from handspun.model.ragged import Ragged
from handspun.model.repeats import RepeatEmbedding
from handspun.model.view import Biases, View


class Block(nn.Module):
    """Look around, then think: attention and feed-forward, each normalized before and added to the stream after."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = make_norm(config)
        self.attention = Attention(config, layer)
        self.feed_forward_norm = make_norm(config)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], biases: Biases, rotary: Rotary | None, ragged: Ragged | None
    ) -> Float[Tensor, "B T D"]:
        x = x + self.dropout(self.attention(self.attention_norm(x), biases, rotary, ragged))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class Transformer(nn.Module):
    """The model. Weights are fp32; states are computed in `compute_dtype`; logits are fp32."""

    def __init__(self, config: ModelConfig, vocab_size: int, *, compute_dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config, self.vocab_size, self.compute_dtype = config, vocab_size, compute_dtype
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.positions = nn.Embedding(config.max_seq_len, config.d_model) if "learned" in config.positions else None
        self.repeats = RepeatEmbedding(config) if config.repeat_embedding else None
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = make_norm(config)
        self.head = None if config.tie_embeddings else Linear(config.d_model, vocab_size, bias=False)
        self.copy_head = CopyHead(config) if config.copy_head else None

    def initialize(self, seed: int) -> "Transformer":
        """Take over fresh weights."""
        with torch.no_grad():
            for name, value in self.first_weights(seed):
                self.get_parameter(name).copy_(value)
        return self

    def first_weights(self, seed: int) -> Iterator[tuple[str, Tensor]]:
        """Fresh weights by name, each drawn on the CPU when its turn comes, so that no more than one is held at a time.

        Matrices at 1/sqrt(width), tables at 0.02, and zero where a branch joins the stream.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            value = torch.zeros(weight.shape)
            if weight.ndim == 1:
                if name == "copy_head.gate.bias":
                    value.fill_(FIRST_GATE)
                elif "norm" in name and name.endswith("weight"):
                    value.fill_(1.0)
            elif not name.endswith(("attention.out.weight", "feed_forward.down.weight", "copy_head.gate.weight")):
                is_table = name.startswith(("embedding", "positions", "repeats", "head"))
                value.normal_(std=0.02 if is_table else weight.shape[1] ** -0.5, generator=generator)
            yield name, value

    @property
    def head_weight(self) -> Float[Tensor, "V D"]:
        """The matrix that turns a hidden state into logits."""
        return self.embedding.weight if self.head is None else self.head.weight

    def forward(
        self,
        ids: Int[Tensor, "B T *S"],
        *,
        segments: Int[Tensor, "B T"] | None = None,
        ragged: Ragged | None = None,
    ) -> Float[Tensor, "B T D"]:
        """The normalized state after the last block. A third dimension of `ids` is a bag, read as the mean of its tokens.

        `segments` numbers the documents packed in a row: a token sees only its own. With `ragged` the ids are its own: they
        continue rows that were read before, and are remembered in turn.
        """
        assert segments is None or ragged is None, "a ragged row is one document"
        positions = torch.arange(ids.shape[1], device=ids.device) if ragged is None else ragged.positions
        view = View(ids.shape[1], ids.shape[1], ids.device, segments=segments)
        x = self.embed(ids, positions, view, ragged)
        rotary = self.rotary(positions)
        biases = Biases(view, self.compute_dtype)
        for block in self.blocks:
            x = block(x, biases, rotary, ragged)
        hidden = self.norm(x)
        if ragged is not None and self.copy_head is not None:
            keys = self.copy_head.key(hidden[0])
            ragged.cache.copy_keys.index_copy_(0, ragged.places, keys.to(ragged.cache.copy_keys.dtype))
        return hidden

    def embed(
        self, ids: Int[Tensor, "B T *S"], positions: Int[Tensor, "*B T"], view: View, ragged: Ragged | None
    ) -> Float[Tensor, "B T D"]:
        """The stream before the first block."""
        x = self.embedding(ids) if ids.ndim == 2 else self.bags(ids)
        if self.positions is not None:
            x = x + F.embedding(positions, self.positions.weight)
        if self.repeats is not None:
            x = x + self.repeats(ids, view, ragged)
        return self.dropout(x.to(self.compute_dtype))

    def bags(self, ids: Int[Tensor, "B T S"]) -> Float[Tensor, "B T D"]:
        """The mean embedding of each bag."""
        return F.embedding_bag(ids.flatten(0, 1), self.embedding.weight, mode="mean").unflatten(0, ids.shape[:2])

    def rotary(self, positions: Int[Tensor, "*B T"]) -> Rotary | None:
        """The angles of rotary positions, made once for all layers."""
        if "rope" not in self.config.positions:
            return None
        return rotary_table(positions, self.config.head_dim, self.config.rope_theta, self.compute_dtype)

    def logits(self, hidden: Float[Tensor, "... D"]) -> Float[Tensor, "... V"]:
        """Unnormalized log-probabilities over the vocabulary, in fp32."""
        if self.head is not None:
            return self.head(hidden).float()
        return F.linear(hidden, self.embedding.weight.to(hidden.dtype)).float()

    def matrices(self) -> Iterator[nn.Parameter]:
        """The weights that multiply states inside the blocks: those Muon is made for."""
        return (weight for weight in self.blocks.parameters() if weight.ndim == 2)
