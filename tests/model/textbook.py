"""The transformer as a textbook writes it: one row, one head, one query at a time, in float64. The reference of these tests."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from handspun.model.transformer import Transformer

SLOPES = {2: (2**-4, 2**-8), 3: (2**-4, 2**-8, 2**-2), 4: (2**-2, 2**-4, 2**-6, 2**-8)}
"""ALiBi's slopes by number of heads, as its paper gives them."""


def randomized(model: Transformer, seed: int = 0, scale: float = 0.3) -> Transformer:
    """The model with every weight drawn anew, so that no branch is zero and no norm does nothing."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        center = 1.0 if "norm.weight" in name else 0.0
        weight.data = center + torch.randn(weight.shape, generator=generator) * scale
    return model.eval()


class Textbook:
    """Reads the weights of a model and computes what it should."""

    def __init__(self, model: Transformer) -> None:
        self.config = model.config
        self.weights = {name: weight.detach().double() for name, weight in model.named_parameters()}

    def logits(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """(T) ids of one row → (T, V)."""
        head = self.weights["embedding.weight" if self.config.tie_embeddings else "head.weight"]
        return self.hidden(ids, segments) @ head.T

    def hidden(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """(T) ids of one row → (T, D)."""
        x = self.weights["embedding.weight"][ids]
        if self.config.position == "learned":
            x = x + self.weights["positions.weight"][: len(ids)]
        if self.config.repeat_embedding:
            x = x + self.weights["repeats.table.weight"][self.repeats(ids.tolist(), segments)]
        for layer in range(self.config.n_layers):
            block = f"blocks.{layer}."
            x = x + self.attention(self.norm(x, block + "attention_norm"), layer, segments)
            x = x + self.feed_forward(self.norm(x, block + "feed_forward_norm"), block + "feed_forward")
        return self.norm(x, "norm")

    def repeats(self, ids: list[int], segments: Tensor | None) -> list[int]:
        """1 for a token that was read before in its document, 2 where it was read after the same predecessor, else 0."""
        documents = [0] * len(ids) if segments is None else segments.tolist()
        kinds = []
        for t in range(len(ids)):
            earlier = [j for j in range(t) if documents[j] == documents[t] and ids[j] == ids[t]]
            pairs = [j for j in earlier if j and documents[j - 1] == documents[t] and ids[j - 1] == ids[t - 1]]
            kinds.append(bool(earlier) + bool(pairs))
        return kinds

    def attention(self, x: Tensor, layer: int, segments: Tensor | None) -> Tensor:
        c, name = self.config, f"blocks.{layer}.attention"
        position = c.positions[layer % len(c.positions)]
        heads = self.linear(x, name + ".qkv").reshape(len(x), -1, c.head_dim)
        result = torch.zeros(len(x), c.n_heads, c.head_dim, dtype=torch.float64)
        for head in range(c.n_heads):
            kv = head // (c.n_heads // c.kv_heads)
            q, k, v = heads[:, head], heads[:, c.n_heads + kv], heads[:, c.n_heads + c.kv_heads + kv]
            if c.qk_norm:
                q, k = self.rms_norm(q, name + ".q_norm"), self.rms_norm(k, name + ".k_norm")
            if position == "rope":
                q, k = self.turn(q), self.turn(k)
            for t in range(len(x)):
                seen = [j for j in range(t + 1) if segments is None or segments[j] == segments[t]]
                scores = torch.stack([q[t] @ k[j] / math.sqrt(c.head_dim) for j in seen])
                if position == "alibi":
                    scores = scores - SLOPES[c.n_heads][head] * torch.tensor([t - j for j in seen])
                result[t, head] = sum(weight * v[j] for weight, j in zip(scores.softmax(0), seen))
        return self.linear(result.flatten(1), name + ".out")

    def turn(self, x: Tensor) -> Tensor:
        """Channels i and i + Dh/2 are one complex number, turned by t · theta^(-2i / Dh)."""
        half = x.shape[1] // 2
        frequencies = self.config.rope_theta ** (-2 * torch.arange(half, dtype=torch.float64) / x.shape[1])
        angles = torch.arange(len(x), dtype=torch.float64)[:, None] * frequencies
        turned = torch.complex(x[:, :half], x[:, half:]) * torch.polar(torch.ones_like(angles), angles)
        return torch.cat((turned.real, turned.imag), dim=1)

    def feed_forward(self, x: Tensor, name: str) -> Tensor:
        wide = self.linear(x, name + ".up")
        match self.config.activation:
            case "swiglu":
                gate, values = wide[:, : self.config.ff_width], wide[:, self.config.ff_width :]
                bent = gate * torch.sigmoid(gate) * values
            case "relu2":
                bent = torch.where(wide > 0, wide**2, 0)
            case "gelu":
                bent = wide * (1 + torch.erf(wide / math.sqrt(2))) / 2
            case "gelu_tanh":
                bent = wide * (1 + torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3))) / 2
        return self.linear(bent, name + ".down")

    def linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[name + ".weight"], self.weights.get(name + ".bias"))

    def norm(self, x: Tensor, name: str) -> Tensor:
        if self.config.norm == "rmsnorm":
            return self.rms_norm(x, name)
        spread = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + self.config.norm_eps).sqrt()
        return spread * self.weights[name + ".weight"] + self.weights.get(name + ".bias", torch.zeros(()))

    def rms_norm(self, x: Tensor, name: str) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + self.config.norm_eps).sqrt() * self.weights[name + ".weight"]

    def next_token_probabilities(self, ids: Tensor) -> Tensor:
        """(T) ids → (T, V) with the copy head: each query scores every earlier state, and the token after it is copied."""
        hidden = self.hidden(ids)
        vocabulary = self.logits(ids).softmax(-1)
        queries, keys = self.linear(hidden, "copy_head.query"), self.linear(hidden, "copy_head.key")
        gates = torch.sigmoid(self.linear(hidden, "copy_head.gate")[:, 0])
        mixed = vocabulary.clone()
        for t in range(1, len(ids)):
            scores = torch.stack([queries[t] @ keys[j] / math.sqrt(self.config.copy_dim) for j in range(t)])
            copied = torch.zeros(vocabulary.shape[1], dtype=torch.float64)
            for j, weight in enumerate(scores.softmax(0)):
                copied[ids[j + 1]] += weight
            mixed[t] = gates[t] * vocabulary[t] + (1 - gates[t]) * copied
        return mixed
