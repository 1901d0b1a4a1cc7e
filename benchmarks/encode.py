"""Bulk encoding: megabytes per second of `Tokenizer.encode_batch` and of `tokenizers.encode_batch`, on the same cores.

    python benchmarks/encode.py [--json]

Texts are the novels in the folder HANDSPUN_DATA where there is one, else the sources of Python's library, in pieces of 4,096
characters. Both encoders give the same ids; the bar is a ratio of 4.
"""

import argparse
import json
import lzma
import os
import sysconfig
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import get_args

from handspun.tokens.config import Profile, TokensConfig
from handspun.tokens.tokenizer import Tokenizer
from record import alternate, rates, record

PIECE_CHARS = 4096
N_PIECES = 2048
BAR = 4.0


def novels(data: Path) -> Iterator[str]:
    """The novels, one after the other."""
    with lzma.open(data / "books_english_novels" / "novels100.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def library() -> Iterator[str]:
    """The sources of Python's library."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        yield path.read_text(encoding="utf-8")


def pieces() -> tuple[str, list[str]]:
    """The name of the text, and its first pieces."""
    name = "novels" if "HANDSPUN_DATA" in os.environ else "python library"
    texts = novels(Path(os.environ["HANDSPUN_DATA"])) if name == "novels" else library()
    cut = (text[start : start + PIECE_CHARS] for text in texts for start in range(0, len(text), PIECE_CHARS))
    return name, list(islice(cut, N_PIECES))


def compare(profile: Profile, texts: list[str], rounds: int) -> dict[str, object]:
    """Megabytes per second of both encoders, and the ratio of their medians."""
    ours = Tokenizer.train(texts, TokensConfig(profile=profile))
    theirs = ours.blueprint.assemble()
    assert [ids.tolist() for ids in ours.encode_batch(texts)] == [encoding.ids for encoding in theirs.encode_batch(texts)]
    contestants = {
        "handspun": lambda: ours.encode_batch(texts),
        "tokenizers": lambda: [encoding.ids for encoding in theirs.encode_batch(texts)],
    }
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    measured = {name: rates(megabytes, seconds) for name, seconds in alternate(contestants, rounds).items()}
    return {"mb": megabytes, **measured, "ratio": measured["handspun"]["median"] / measured["tokenizers"]["median"], "bar": BAR}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the line of history.jsonl instead of the table")
    parser.add_argument("--rounds", type=int, default=7, help="how often both encoders take their turn")
    arguments = parser.parse_args()
    name, texts = pieces()
    results = {profile: compare(profile, texts, arguments.rounds) for profile in get_args(Profile)}
    line = record("encode", {"text": name, **results})
    if arguments.json:
        print(json.dumps(line))
        return
    print(f"{name}, MB/s (median of {arguments.rounds} rounds; load {line['load']:.1f})\n")
    print("| profile | handspun | tokenizers | ratio | bar |\n|---|---|---|---|---|")
    for profile, figures in results.items():
        ours, theirs = figures["handspun"]["median"], figures["tokenizers"]["median"]
        print(f"| {profile} | {ours:.1f} | {theirs:.1f} | {figures['ratio']:.1f} | {BAR:.1f} |")


if __name__ == "__main__":
    main()
