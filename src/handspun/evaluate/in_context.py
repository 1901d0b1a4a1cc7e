"""In-context retrieval for language modelling (Ram 2023): passages are put before a text, and looked up anew every few tokens.

The model is neither changed nor told: a passage stands before the text as one document stands before the next in training.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from handspun.corpus.document import Document
from handspun.corpus.split import stable_fraction
from handspun.evaluate.arms import INDEX_ARMS, Arm, ArmBits
from handspun.evaluate.config import EvaluateConfig
from handspun.evaluate.librarian import Librarian
from handspun.model.transformer import Transformer
from handspun.progress import OnProgress, unheard
from handspun.retrieve.chunk import Chunk
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.loss import log_prob_and_probs, mixed

ROWS = 16
"""Windows scored in one forward."""
STRETCH_TOKENS = 256
"""What is drawn and paid for as one text."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens `start` and on of a document's beginning `ids`: the ones before are read, and not paid for."""

    document: Document
    ids: list[int]
    start: int


@dataclass(frozen=True, slots=True)
class Window:
    """What the model reads to predict the last `n_scored` of these tokens, and the number of the stretch they are of."""

    stretch: int
    arm: Arm
    ids: list[int]
    n_scored: int


def stretches(documents: Sequence[Document], tokenizer: Tokenizer, n_tokens: int) -> list[Stretch]:
    """Stretches of `n_tokens` in all where there are so many, drawn by hash: each of another document, the same each time."""
    found: list[Stretch] = []
    n_drawn = 0
    for document in drawn(documents, len(documents)):
        ids = tokenizer.encode(document.text)
        start = int(stable_fraction(f"stretch:{document.id}") * max(1, len(ids) // STRETCH_TOKENS)) * STRETCH_TOKENS
        found.append(Stretch(document, ids[: min(start + STRETCH_TOKENS, start + n_tokens - n_drawn)], start))
        n_drawn += len(found[-1].ids) - start
        if n_drawn >= n_tokens:
            break
    return found


def drawn(documents: Iterable[Document], n_documents: int) -> list[Document]:
    """So many of the documents, chosen by a hash of their names: the same whatever their order."""
    return sorted(documents, key=lambda document: stable_fraction(f"in context:{document.id}"))[:n_documents]


def in_context_bits(
    model: Transformer,
    tokenizer: Tokenizer,
    documents: Sequence[Document],
    librarian: Librarian,
    config: EvaluateConfig,
    *,
    seq_len: int,
    on_progress: OnProgress = unheard,
) -> ArmBits:
    """What stretches of the documents cost in each arm, in windows of at most `seq_len` tokens.

    Without a passage a window is all text: no arm reads more than another.
    """
    scored = stretches(documents, tokenizer, config.scored_tokens)
    bits: dict[Arm, np.ndarray] = {arm: np.zeros(len(scored)) for arm in INDEX_ARMS}
    stride = fitting_stride(config, seq_len)
    total = len(INDEX_ARMS) * sum(-(-(len(stretch.ids) - stretch.start) // stride) for stretch in scored)
    windows, done = windows_of(scored, tokenizer, librarian, config, seq_len), 0
    while batch := list(islice(windows, ROWS)):
        for window, nats in zip(batch, window_nats(model, batch).tolist()):
            bits[window.arm][window.stretch] += nats / np.log(2)
        done += len(batch)
        on_progress(done, total)
    n_bytes = [tokenizer.byte_lengths[stretch.ids[stretch.start :]].sum() for stretch in scored]
    return ArmBits(bits, np.array(n_bytes, dtype=np.float64))


def windows_of(
    stretches: Sequence[Stretch], tokenizer: Tokenizer, librarian: Librarian, config: EvaluateConfig, seq_len: int
) -> Iterator[Window]:
    """Every stride of every stretch in every arm. The query is what stands just before; at the very beginning there is none."""
    stride = fitting_stride(config, seq_len)
    for number, stretch in enumerate(stretches):
        for start in range(stretch.start, len(stretch.ids), stride):
            query = tokenizer.decode(stretch.ids[max(0, start - config.query_tokens) : start])
            found = librarian.retrieved(query, stretch.document) if query.strip() else []
            wrong = librarian.wrong(query, stretch.document, found)
            passages: dict[Arm, list[Chunk]] = {"closed_book": [], "wrong_passage": wrong, "retrieved": found}
            for arm in INDEX_ARMS:
                scored = stretch.ids[start : start + stride]
                before = front(passages[arm], tokenizer, seq_len // 2)
                room = seq_len + 1 - len(before) - len(scored)
                yield Window(number, arm, [*before, *stretch.ids[max(0, start - room) : start], *scored], len(scored))


def front(passages: Sequence[Chunk], tokenizer: Tokenizer, n_tokens: int) -> list[int]:
    """What stands before the text, `n_tokens` at most: passages as documents of their own, the best one last, and its own
    <|endoftext|>.
    """
    room = (n_tokens - 1) // max(1, len(passages))
    texts = [[tokenizer.end_of_text, *tokenizer.encode(chunk.text)][:room] for chunk in reversed(passages)]
    return [*(id for text in texts for id in text), tokenizer.end_of_text]


def fitting_stride(config: EvaluateConfig, seq_len: int) -> int:
    """The stride, or the quarter of a window where that is less: the rest is for the passages and for what was read."""
    return min(config.stride, max(1, seq_len // 4))


@torch.inference_mode()
def window_nats(model: Transformer, windows: Sequence[Window]) -> Float[Tensor, " B"]:
    """The nats of the scored tokens of each window."""
    device, width = model.embedding.weight.device, max(len(window.ids) for window in windows)
    rows = torch.zeros(len(windows), width, dtype=torch.long)
    counts = torch.zeros(len(windows), width, dtype=torch.bool)
    for row, window in enumerate(windows):
        rows[row, : len(window.ids)] = torch.tensor(window.ids)
        counts[row, len(window.ids) - window.n_scored : len(window.ids)] = True
    rows, counts = rows.to(device), counts[:, 1:].to(device)
    ids, targets = rows[:, :-1], rows[:, 1:]
    hidden = model.eval()(ids)
    log_prob, _ = log_prob_and_probs(model.logits(hidden[counts]), targets[counts][:, None], None)
    if (head := model.copy_head) is not None:
        copied = head.target_log_prob(hidden, ids, targets)[counts]
        log_prob, _ = mixed(log_prob, copied, head.gate(hidden)[counts].squeeze(-1).float())
    return -torch.zeros(len(windows), device=device).index_add_(0, counts.nonzero()[:, 0], log_prob)
