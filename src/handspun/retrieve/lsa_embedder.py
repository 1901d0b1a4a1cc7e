"""Latent semantic analysis (Deerwester and others, 1990): words that stand in the same texts lie near each other."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from handspun.retrieve.bags import Bags
from handspun.retrieve.lexicon import Lexicon
from handspun.retrieve.word_table import WordTable, dampened

N_DIMS = 128
"""of 64 to 300, what fuses best with BM25 (dev/LOG.md)"""
MAX_TEXTS = 50_000
"""are learnt from; of more, every second, third, …"""


def train_lsa(texts: Sequence[Sequence[str]], n_dims: int = N_DIMS) -> WordTable:
    """The table of texts that are given as their stems."""
    lexicon = Lexicon.of(texts)
    return WordTable("lsa", lexicon, latent_table(lexicon, texts, n_dims).numpy())


def latent_table(lexicon: Lexicon, texts: Sequence[Sequence[str]], n_dims: int) -> Float[Tensor, "V D"]:
    """A row for each word: its share in the main directions of the TF-IDF matrix, times how much it says."""
    rarity = lexicon.rarity
    bags = dampened(lexicon.bags(texts[:: 1 + len(texts) // MAX_TEXTS]))
    bags = bags.weighted(bags.weights * rarity[bags.columns]).normalized()
    return right_singular_vectors(bags, n_dims) * torch.from_numpy(rarity)[:, None]


def right_singular_vectors(bags: Bags, n_dims: int, *, n_rounds: int = 4, seed: int = 0) -> Tensor:
    """The `n_dims` directions in which the rows differ most, as columns: randomized SVD (Halko, Martinsson and Tropp, 2011).

    Where there are fewer such directions the other columns are zero.
    """
    n_columns, across = bags.n_columns, bags.transposed()
    n_probes = min(n_dims + 10, bags.n_rows, n_columns)
    probes = torch.randn(n_columns, n_probes, generator=torch.Generator().manual_seed(seed))
    basis = torch.linalg.qr(product(bags, probes))[0]
    for _ in range(n_rounds):
        basis = torch.linalg.qr(product(bags, product(across, basis)))[0]
    directions, _, _ = torch.linalg.svd(product(across, basis), full_matrices=False)
    return F.pad(directions[:, :n_dims], (0, max(0, n_dims - directions.shape[1])))


def product(bags: Bags, dense: Float[Tensor, "C D"]) -> Float[Tensor, "N D"]:
    """What `Bags.times` gives, of many rows at once and with a gradient."""
    columns, starts, weights = map(torch.from_numpy, (bags.columns, bags.starts[:-1], bags.weights))
    return F.embedding_bag(columns, dense, starts, mode="sum", per_sample_weights=weights)
