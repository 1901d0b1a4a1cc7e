"""The words of an index: in how many chunks each occurs, and so how much it says."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float32

from handspun.files import read_json, write_json
from handspun.retrieve.bags import Bags
from handspun.retrieve.stem import stem
from handspun.retrieve.text_query import telling_words

MAX_WORDS = 100_000
"""The most frequent ones are kept."""
FILE = "lexicon.json"


def stems(text: str) -> list[str]:
    """The telling words of a text without their endings, in order."""
    return [stem(word.lower()) for word in telling_words(text)]


class Lexicon:
    """Stems, and the number of texts that have each. `columns` numbers them from the most to the least frequent."""

    def __init__(self, n_with: dict[str, int], n_texts: int) -> None:
        self.n_with, self.n_texts = n_with, n_texts
        self.columns = {word: column for column, word in enumerate(n_with)}

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]]) -> Self:
        """Of texts given as their stems."""
        counts: Counter[str] = Counter()
        for words in texts:
            counts.update(set(words))
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls(dict(ordered[:MAX_WORDS]), len(texts))

    @property
    def rarity(self) -> Float32[np.ndarray, " V"]:
        """How much each word says: inverse document frequency, smoothed, at least 1."""
        counts = np.fromiter(self.n_with.values(), np.float32)
        return np.log((1 + self.n_texts) / (1 + counts)) + np.float32(1)

    def weight(self, word: str) -> float:
        """How much a stem of a query counts: by BM25's measure, and the most where no text has it."""
        n_with = self.n_with.get(word, 0)
        return float(np.log1p((self.n_texts - n_with + 0.5) / (n_with + 0.5)))

    def bags(self, texts: Iterable[Sequence[str]]) -> Bags:
        """How often each text has each word, of texts given as their stems."""
        return Bags.counted(
            ([self.columns[word] for word in text if word in self.columns] for text in texts), len(self.columns)
        )

    def save(self, folder: Path) -> None:
        """Keep it in a folder."""
        write_json(folder / FILE, {"n_texts": self.n_texts, "n_with": self.n_with})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was kept there. Raises DamagedFileError."""
        kept = read_json(folder / FILE)
        return cls(kept["n_with"], kept["n_texts"])
