"""Latent semantic analysis (Deerwester and others, 1990): words that stand in the same texts lie near each other."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from handspun.retrieve.bags import right_singular_vectors
from handspun.retrieve.lexicon import Lexicon
from handspun.retrieve.word_table import WordTable, dampened

N_DIMS = 128
"""of 64 to 512, what fuses best with BM25 (dev/LOG.md)"""
MAX_TEXTS = 50_000
"""are learnt from; of more, every second, third, …"""


def train_lsa(texts: Sequence[Sequence[str]], n_dims: int = N_DIMS) -> WordTable:
    """The table of texts that are given as their stems."""
    lexicon = Lexicon.of(texts)
    return WordTable("lsa", lexicon, latent_table(lexicon, texts, n_dims))


def latent_table(lexicon: Lexicon, texts: Sequence[Sequence[str]], n_dims: int) -> Float[Tensor, "V D"]:
    """A row for each word: its share in the main directions of the TF-IDF matrix, times how much it says."""
    rarity = lexicon.rarity
    bags = dampened(lexicon.bags(texts[:: 1 + len(texts) // MAX_TEXTS]))
    bags = bags.weighted(bags.weights * rarity[bags.columns]).normalized()
    return right_singular_vectors(bags, n_dims) * torch.from_numpy(rarity)[:, None]
