"""Which side of the split a document is on: decided by its own hash, so that adding documents moves none."""

from hashlib import blake2b


def stable_fraction(key: str) -> float:
    """A number in [0, 1) that depends on `key` alone: the same on every machine, in every run."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) / 2**64


def smallest_share_above(fraction: float) -> float:
    """The smallest share in whole percents that holds out what has this fraction."""
    return (int(100 * fraction) + 1) / 100


def is_held_out(key: str, val_share: float) -> bool:
    """Whether the documents that share `key` belong to the validation side."""
    return stable_fraction(key) < val_share
