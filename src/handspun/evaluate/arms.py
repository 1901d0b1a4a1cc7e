"""The arms of a measurement: what a model is shown before it is asked, or before the text that it is to predict.

Of an index three are always measured: no passage, wrong ones of the same domain, and those that were retrieved. A wrong passage
may help as well, with words and manners of its domain: only what lies beyond it is owed to the search.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from handspun.evaluate.bootstrap import Difference, paired_difference

ReadingArm = Literal["closed_book", "wrong_passage", "right_passage"]
Arm = Literal[ReadingArm, "retrieved"]
READING_ARMS: tuple[ReadingArm, ...] = ("closed_book", "wrong_passage", "right_passage")
INDEX_ARMS: tuple[Arm, ...] = ("closed_book", "wrong_passage", "retrieved")


@dataclass(frozen=True)
class ArmBits:
    """What the same texts cost a model in each arm."""

    bits: Mapping[Arm, Float[np.ndarray, " N"]]
    """of each text"""
    n_bytes: Float[np.ndarray, " N"]
    """that were paid for, of each text"""

    def bpb(self, arm: Arm) -> float:
        """Bits per byte of all texts together."""
        return float(self.bits[arm].sum() / self.n_bytes.sum())

    def gain(self, than: Arm) -> Difference:
        """How many bits per byte fewer it is with retrieved passages than in another arm."""
        return paired_difference(self.bits[than], self.bits["retrieved"], self.n_bytes)
