"""A reader that only counts: what passages are worth to a byte n-gram model, in three arms and without any training.

The first half of a text is the query, the second half is paid for. A model of `order` that has read a background is mixed with
one that has read nothing but the passages, in shares that are tuned on the other half of the texts.
"""

from collections.abc import Sequence

import numpy as np

from handspun.corpus.document import Document
from handspun.evaluate.arms import INDEX_ARMS, Arm, ArmBits
from handspun.evaluate.baselines import joined, ngram_probs
from handspun.evaluate.librarian import Librarian
from handspun.progress import OnProgress, unheard

BACKGROUND_BYTES = 1_200_000
SHARES = np.arange(0.05, 1, 0.05)
"""The passages' parts in the mixture that are tried."""


def counted_bits(
    background: bytes,
    documents: Sequence[Document],
    librarian: Librarian,
    *,
    order: int,
    on_progress: OnProgress = unheard,
) -> ArmBits:
    """What the second halves of the documents cost. There must be two documents or more, each of two bytes or more."""
    texts = [document.text.encode() for document in documents]
    plain = in_second_halves(ngram_probs(background, joined(document.text for document in documents), order), texts)
    read: dict[Arm, list[np.ndarray]] = {arm: [] for arm in INDEX_ARMS}
    for number, (document, text) in enumerate(zip(documents, texts)):
        query = text[: len(text) // 2].decode(errors="ignore")
        found = librarian.retrieved(query, document)
        passages = {"closed_book": [], "wrong_passage": librarian.wrong(query, document, found), "retrieved": found}
        for arm in INDEX_ARMS:
            known = joined(chunk.text for chunk in passages[arm])
            probs = ngram_probs(known, text, order)[len(text) // 2 :] if known else plain[number]
            read[arm].append(probs)
        on_progress(number + 1, len(documents))
    bits: dict[Arm, np.ndarray] = {arm: cross_tuned_bits(plain, read[arm]) for arm in INDEX_ARMS}
    return ArmBits(bits, np.array([len(probs) for probs in plain], dtype=np.float64))


def in_second_halves(probs: np.ndarray, texts: Sequence[bytes]) -> list[np.ndarray]:
    """Of the probabilities of joined texts those of each text's second half."""
    ends = np.cumsum([len(text) + 1 for text in texts])
    return [probs[end - 1 - (len(text) - len(text) // 2) : end - 1] for end, text in zip(ends, texts)]


def cross_tuned_bits(plain: Sequence[np.ndarray], read: Sequence[np.ndarray]) -> np.ndarray:
    """The bits of each text, mixed in the share that is best for the other half of the texts."""
    bits = np.array([[-np.log2((1 - share) * p + share * r).sum() for share in SHARES] for p, r in zip(plain, read)])
    even = np.arange(len(bits)) % 2 == 0
    best_for_even, best_for_odd = bits[~even].sum(0).argmin(), bits[even].sum(0).argmin()
    return np.where(even, bits[:, best_for_even], bits[:, best_for_odd])
