"""A table of word vectors that learns which stretch was cut out of which text: the inverse cloze task (Lee and others, 2019).

It begins as LSA's table and takes seconds on a CPU; nothing is downloaded.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from handspun.retrieve.bags import Bags
from handspun.retrieve.lexicon import Lexicon
from handspun.retrieve.lsa_embedder import N_DIMS, latent_table, product
from handspun.retrieve.word_table import WordTable, dampened

STEPS = 300
BATCH_TEXTS = 256
LEAST_WORDS = 12
"""of a text that a stretch is cut out of"""
STRETCH_WORDS = (3, 13)
KEPT_WORDS = 0.7
"""of a stretch: who asks says some of it otherwise"""
UNCUT_TEXTS = 0.1
"""are shown with the stretch in them, for questions do share words with their answers"""
LR = 2e-3
TEMPERATURE = 0.05

Columns = Int64[np.ndarray, " W"]


def train_static(texts: Sequence[Sequence[str]], n_dims: int = N_DIMS, *, seed: int = 0) -> WordTable:
    """The table of texts that are given as their stems; the same texts give the same table on one machine."""
    lexicon = Lexicon.of(texts)
    table = latent_table(lexicon, texts, n_dims)
    rows = [np.array([lexicon.columns[word] for word in text if word in lexicon.columns], np.int64) for text in texts]
    long = [row for row in rows if len(row) >= LEAST_WORDS]
    if len(long) > 1:
        table = cloze(table / table.norm(dim=1).mean(), long, np.random.default_rng(seed))
    return WordTable("static", lexicon, table.numpy())


def cloze(table: Float[Tensor, "V D"], texts: Sequence[Columns], chance: np.random.Generator) -> Float[Tensor, "V D"]:
    """The table after learning to tell from a stretch which text of a batch it was cut out of, and the reverse."""
    table = table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table], lr=LR)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, STEPS)
    for _ in range(STEPS):
        picked = chance.choice(len(texts), min(BATCH_TEXTS, len(texts)), replace=False)
        stretches, rests = zip(*(cut(texts[number], chance) for number in picked))
        logits = vectors(stretches, table) @ vectors(rests, table).T / TEMPERATURE
        targets = torch.arange(len(picked))
        loss = F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return table.detach()


def vectors(texts: Sequence[Columns], table: Float[Tensor, "V D"]) -> Float[Tensor, "N D"]:
    """Each text as the table has it."""
    return F.normalize(product(dampened(Bags.counted(texts, len(table))), table), dim=1)


def cut(text: Columns, chance: np.random.Generator) -> tuple[Columns, Columns]:
    """Some words of a stretch of a text, and the text, mostly without that stretch."""
    n_words = min(int(chance.integers(*STRETCH_WORDS)), len(text) // 2)
    start = int(chance.integers(len(text) - n_words + 1))
    stretch = text[start : start + n_words]
    kept = stretch[chance.random(n_words) < KEPT_WORDS]
    rest = text if chance.random() < UNCUT_TEXTS else np.concatenate([text[:start], text[start + n_words :]])
    return (kept if len(kept) else stretch), rest
