"""Compiles models whole and compares them with themselves. Run by itself: torch.compile does not see through shape checks."""

import torch
from textbook import randomized

from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer

SHAPES = (
    {"n_kv_heads": 2},
    {"position": ("alibi", "nope"), "activation": "relu2", "tie_embeddings": False},
)

for shape in SHAPES:
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.05)):
        config = ModelConfig(d_model=32, n_layers=2, max_seq_len=64, **shape)
        model = randomized(Transformer(config, 53, compute_dtype=dtype))
        ids = torch.randint(0, 53, (2, 40), generator=torch.Generator().manual_seed(0))
        torch._dynamo.reset()
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        slope, gradients = torch.randn(2, 40, 32, generator=torch.Generator().manual_seed(1)), []
        for forward in (model, compiled):
            hidden = forward(ids, segments=ids.cumsum(1) // 400)
            (hidden.float() * slope).sum().backward()
            gradients.append([weight.grad for weight in model.parameters()])
            model.zero_grad()
        for (name, _), plain, through_graph in zip(model.named_parameters(), *gradients):
            if plain is not None:
                assert (plain - through_graph).norm() <= tolerance * plain.norm(), (shape, dtype, name)
