"""Learning a vocabulary from text: byte-pair encoding (Sennrich et al., 2016), by the `tokenizers` library."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from tokenizers import pre_tokenizers, trainers

from handspun.errors import TokenizerError
from handspun.tokens.blueprint import Blueprint
from handspun.tokens.config import TokensConfig
from handspun.tokens.control import control_names
from handspun.tokens.surrogates import well_formed

Progress = Callable[[int, int | None], None]

LONGEST_WORD_CHARS = 256
"""a longer run without a break is learnt from in pieces: the time grows with the square of a word's length"""


def learn(texts: Iterable[str], config: TokensConfig, on_progress: Progress | None = None) -> Blueprint:
    """The vocabulary of `config` learnt from `texts`: the same texts give the same vocabulary.

    `on_progress` gets the bytes read so far. Raises TokenizerError where there is no text, or too little for the vocabulary.
    """
    sample = list(_sampled(texts, config.sample_mib * 2**20, on_progress))
    if not any(sample):
        raise TokenizerError("the corpus is empty, so no vocabulary can be learnt: name texts in corpus.sources.")
    tokenizer = Blueprint(config.profile, config.pattern).assemble()
    cut = pre_tokenizers.FixedLength(LONGEST_WORD_CHARS)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([tokenizer.pre_tokenizer, cut])
    tokenizer.train_from_iterator(sample, _trainer(config, sample), length=len(sample))
    model = json.loads(tokenizer.to_str())["model"]
    control = {name: id_ for id_, name in enumerate(control_names(config.profile))}
    _check_size(config, len(model["vocab"]), sum(map(len, sample)))
    return Blueprint(config.profile, config.pattern, model["vocab"], [tuple(pair) for pair in model["merges"]], control)


def _sampled(texts: Iterable[str], limit_bytes: int, on_progress: Progress | None) -> Iterator[str]:
    """Texts up to `limit_bytes`, without the lone surrogates that UTF-8 cannot carry."""
    read = 0
    for text in map(well_formed, texts):
        read += len(text.encode())
        yield text
        if on_progress:
            on_progress(read, None)
        if read >= limit_bytes:
            return


def _trainer(config: TokensConfig, sample: list[str]) -> trainers.BpeTrainer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet()) if config.profile == "bytes" else []
    return trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=list(control_names(config.profile)),
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet) or _frequent_characters(config, sample),
    )


def _frequent_characters(config: TokensConfig, sample: list[str]) -> int:
    """How many characters are common enough to keep; the trainer keeps the most frequent ones."""
    counts: Counter[str] = Counter()
    for text in sample:
        counts.update(text.replace("Σ", "σ").lower())
    frequent = sum(count >= config.min_char_count for count in counts.values())
    if not frequent:
        raise TokenizerError(
            f"tokens.min_char_count={config.min_char_count} is more often than any character of the corpus is seen: "
            f"lower it, or add text."
        )
    return frequent


def _check_size(config: TokensConfig, reached: int, n_chars: int) -> None:
    if reached < config.vocab_size:
        raise TokenizerError(
            f"tokens.vocab_size={config.vocab_size} is more than the corpus supports: its {n_chars:,} characters give "
            f"{reached} tokens; set tokens.vocab_size={reached} or less, or add text."
        )
    if reached > config.vocab_size:
        raise TokenizerError(
            f"tokens.vocab_size={config.vocab_size} does not hold the {reached} characters and control tokens of the corpus: "
            f"set tokens.vocab_size above {reached}, or raise tokens.min_char_count={config.min_char_count}."
        )
