"""How large a model fits a given time: arithmetic over what was measured on this machine, and the recipe that comes of it.

A model learns well from about 20 tokens per parameter (Hoffmann 2022). Small models need fewer: with 2.2 million parameters 1.5
were enough to beat smaller ones, so the number rises with the parameters and reaches 20 at 20 million. Text that is read more
than about four times teaches ever less (Muennighoff 2023): where it is too little, four readings are enough, as long as
they are 4 tokens per parameter. The largest shape is taken that the time allows to read so much.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from handspun.corpus.config import CorpusConfig
from handspun.errors import SettingsError
from handspun.evaluate.baselines import PRIMER_BYTES
from handspun.model.config import ModelConfig
from handspun.model.cost import flops_per_token, parameters
from handspun.planner.devices import Devices
from handspun.planner.memory import Footprint
from handspun.planner.rate import Speed, speed_at
from handspun.planner.remedy import memory_remedy
from handspun.planner.text import BYTES_PER_TOKEN
from handspun.recipe import Recipe
from handspun.tokens.config import TokensConfig
from handspun.train.config import TrainConfig
from handspun.tune.config import TuneConfig

LADDER = (
    *((64, 2, 2), (96, 3, 3), (128, 4, 2), (192, 4, 3), (256, 6, 4), (320, 8, 5), (384, 8, 6), (512, 8, 8)),
    *((640, 10, 10), (768, 12, 12), (1024, 16, 16), (1280, 20, 20), (1536, 24, 24), (2048, 24, 32)),
)
"""Shapes to choose from: d_model, n_layers, n_heads. All are portable."""
PROBED = ((128, 4, 2), (256, 6, 4), (384, 8, 6))
"""The shapes whose speed is measured."""
TOKENS_PER_PARAMETER, FULL_GROWN_PARAMETERS = 20, 20_000_000
FEWEST_TOKENS_PER_PARAMETER = 4
READINGS, MOST_READINGS = 4, 10
"""Times that a text is read where it is too short: as a rule, and at most."""
TOKENS_PER_STATE = 24
"""Tokens in a vocabulary per unit of d_model: with more the table outweighs the blocks."""
SMALLEST_VOCABULARY, LARGEST_VOCABULARY = 272, 32_768
BYTES_PER_VOCABULARY_TOKEN = 800
"""Text that it takes to tell one more token of a vocabulary."""
HELD_OUT_BYTES = 1_000_000
PYTHON_CHAT_BYTES = 6_900_000
"""The conversations that are made of Python's documentation."""
CHAT_SHARE, TUNE_SHARE = 0.667, 0.15
"""Of the sequences of the pretraining the conversations; of all tokens those that are kept for the tuning."""
STEPS = 1000
"""Optimizer steps in a run, as far as the batches allow it."""
MEMORY_SHARE = 0.9
"""Part of the free memory that training may plan with."""
TRAINING_SHARE = 0.9
"""Part of the training's time that is spent on steps; the rest goes to measuring, samples and checkpoints."""
PREPARED_BYTES_PER_S, PRIMED_BYTES_PER_S = 2_000_000, 400_000
"""Text that is curated and tokenized in a second, and that the baselines learn from."""
ENDLESS_BYTES = 10**13
ENOUGH_SHARE = 0.8
"""A recipe that takes less than this part of the time has found too little text."""
QUESTIONS_S = 75
"""What making and answering the questions about Python's documentation takes."""


@dataclass(frozen=True)
class Corpus:
    """What there is to learn from: paths, or the documentation of Python."""

    sources: tuple[str, ...]
    n_bytes: int

    @property
    def is_python(self) -> bool:
        """Whether there are conversations to tune on."""
        return self.sources == ("python",)

    @property
    def n_tokens(self) -> int:
        """An estimate of the tokens in it, conversations included."""
        return round((self.n_bytes + (PYTHON_CHAT_BYTES if self.is_python else 0)) / BYTES_PER_TOKEN)

    @property
    def other_seconds(self) -> float:
        """What curating, tokenizing and the baselines take."""
        questions = QUESTIONS_S if self.is_python else 0
        return self.n_bytes / PREPARED_BYTES_PER_S + min(self.n_bytes, PRIMER_BYTES) / PRIMED_BYTES_PER_S + questions


@dataclass(frozen=True)
class Size:
    """A shape with its vocabulary and the length of its sequences."""

    model: ModelConfig
    vocab_size: int

    @property
    def n_params(self) -> int:
        """Weights in all."""
        return sum(parameters(self.model, self.vocab_size).values())

    @property
    def seq_len(self) -> int:
        """Tokens per sequence: few while a model is too small to look back far."""
        return self.model.max_seq_len // (4 if self.model.d_model < 384 else 2)

    @property
    def flops(self) -> int:
        """Training FLOPs per token."""
        return flops_per_token(self.model, self.vocab_size, self.seq_len)

    def tokens_wanted(self, corpus: Corpus) -> int:
        """Tokens it should read of a corpus."""
        per_parameter = TOKENS_PER_PARAMETER * min(1, self.n_params / FULL_GROWN_PARAMETERS)
        readings = max(READINGS * corpus.n_tokens, FEWEST_TOKENS_PER_PARAMETER * self.n_params)
        return round(min(per_parameter * self.n_params, readings))

    def is_worth(self, corpus: Corpus) -> bool:
        """Whether there is text enough for it at all."""
        return FEWEST_TOKENS_PER_PARAMETER * self.n_params <= MOST_READINGS * corpus.n_tokens

    def footprint(self, train: TrainConfig, devices: Devices) -> Footprint:
        """What training it takes of the part of the memory that may be planned with."""
        planned = replace(devices, free_bytes=int(MEMORY_SHARE * devices.free_bytes))
        return Footprint(self.model, self.vocab_size, train, planned, "single")

    def is_trainable(self, devices: Devices) -> bool:
        """Whether there is a way to train it in the memory."""
        rows = TrainConfig(seq_len=self.seq_len, micro_batch=1, batch_tokens=4 * self.seq_len, warmup_steps=0)
        footprint = self.footprint(rows, devices)
        return footprint.fits or memory_remedy(footprint) is not None


def minutes_given(minutes: float | None, hours: float | None) -> float:
    """The one of the two that is given, in minutes. Raises SettingsError for both, neither, or what is absurd."""
    if (minutes is None) == (hours is None):
        raise SettingsError("the time is given twice or not at all; give one of --minutes M and --hours H.")
    given = minutes if minutes is not None else 60 * (hours or 0)
    if not 1 <= given <= 60 * 24 * 365:
        said = f"--minutes {minutes:g}" if minutes is not None else f"--hours {hours:g}"
        raise SettingsError(f"{said} is out of range; give from one minute to one year.")
    return given


def size_of(sizes: tuple[int, int, int], n_bytes: int) -> Size:
    """A shape of the ladder, with a vocabulary that neither its table nor a text of so many bytes is too small for."""
    d_model, n_layers, n_heads = sizes
    most = min(n_bytes / BYTES_PER_VOCABULARY_TOKEN, TOKENS_PER_STATE * d_model, LARGEST_VOCABULARY)
    vocab_size = 2 ** int(math.log2(most)) if most >= 512 else SMALLEST_VOCABULARY
    max_seq_len = 1024 if d_model < 768 else 2048
    return Size(ModelConfig(d_model=d_model, n_layers=n_layers, n_heads=n_heads, max_seq_len=max_seq_len), vocab_size)


def sized_recipe(name: str, minutes: float, corpus: Corpus, speeds: Sequence[Speed], devices: Devices) -> Recipe:
    """The recipe of the largest model that fits the time, the text and the memory. Raises SettingsError where none does."""
    if corpus.other_seconds > 30 * minutes:
        raise SettingsError(
            f"--minutes {minutes:g} is too short for {corpus.n_bytes / 1e6:,.1f} MB of text, which takes "
            f"{corpus.other_seconds / 60:.1f} minutes to prepare and measure; give --minutes "
            f"{math.ceil(corpus.other_seconds / 30)} or more, or less text."
        )
    seconds = training_seconds(minutes, corpus)
    size = largest_size(seconds, corpus, speeds, devices)
    n_tokens = min(tokens_in(seconds, size, speeds), max(size.tokens_wanted(corpus), MOST_READINGS * corpus.n_tokens))
    n_tuning = round(TUNE_SHARE * n_tokens) if corpus.is_python else 0
    return Recipe(
        name=name,
        corpus=corpus_config(corpus),
        tokens=TokensConfig(vocab_size=size.vocab_size),
        model=size.model,
        train=in_memory(training(n_tokens - n_tuning, size, corpus), size, devices),
        tune=TuneConfig(train_tokens=n_tuning) if n_tuning else None,
    )


def training_seconds(minutes: float, corpus: Corpus) -> float:
    """What is left for the steps of training."""
    return TRAINING_SHARE * (60 * minutes - corpus.other_seconds)


def is_limited_by_text(recipe: Recipe, minutes: float, corpus: Corpus, speeds: Sequence[Speed], devices: Devices) -> bool:
    """Whether more text would have made the model of this recipe larger, or its training longer."""
    endless = largest_size(training_seconds(minutes, corpus), replace(corpus, n_bytes=ENDLESS_BYTES), speeds, devices)
    return endless.model.d_model > recipe.model.d_model or expected_minutes(recipe, corpus, speeds) < ENOUGH_SHARE * minutes


def largest_size(seconds: float, corpus: Corpus, speeds: Sequence[Speed], devices: Devices) -> Size:
    """The largest that reads in the time what it should, has text enough and fits into memory; else the smallest."""
    sizes = [size_of(shape, corpus.n_bytes) for shape in LADDER]
    fitting = [
        size
        for size in sizes
        if size.tokens_wanted(corpus) <= tokens_in(seconds, size, speeds)
        and size.is_worth(corpus)
        and size.is_trainable(devices)
    ]
    return fitting[-1] if fitting else sizes[0]


def tokens_in(seconds: float, size: Size, speeds: Sequence[Speed]) -> int:
    """Tokens that training reads in so many seconds."""
    return int(seconds * speed_at(size.flops, speeds) / size.flops)


def expected_minutes(recipe: Recipe, corpus: Corpus, speeds: Sequence[Speed]) -> float:
    """How long making a recipe takes: its training, and what comes before and after."""
    flops = Size(recipe.model, recipe.tokens.vocab_size).flops
    n_tokens = recipe.train.train_tokens + (recipe.tune.train_tokens if recipe.tune else 0)
    return (n_tokens * flops / speed_at(flops, speeds) / TRAINING_SHARE + corpus.other_seconds) / 60


def corpus_config(corpus: Corpus) -> CorpusConfig:
    """About a megabyte of text held out, and of little text a tenth or a fifth."""
    largest_share = 0.2 if corpus.n_bytes < HELD_OUT_BYTES // 3 else 0.1
    return CorpusConfig(
        sources=corpus.sources,
        conversations=("python", "manners") if corpus.is_python else (),
        val_share=round(min(largest_share, HELD_OUT_BYTES / max(corpus.n_bytes, 1)), 4),
    )


def training(n_tokens: int, size: Size, corpus: Corpus) -> TrainConfig:
    """A thousand steps where the batches allow it, a twentieth of them to warm up, and news twenty times."""
    rows = 2 ** round(math.log2(min(256, max(4, n_tokens / STEPS / size.seq_len))))
    steps = max(1, round(n_tokens / (rows * size.seq_len)))
    often = max(10, steps // 20)
    return TrainConfig(
        train_tokens=steps * rows * size.seq_len,
        seq_len=size.seq_len,
        micro_batch=min(rows, 16),
        batch_tokens=rows * size.seq_len,
        chat_share=CHAT_SHARE if corpus.is_python else 0.0,
        lr=round(0.003 * min(1, 384 / size.model.d_model), 5),
        matrix_lr=0.01,
        warmup_steps=min(steps // 20, 200),
        eval_every=often,
        sample_every=often,
        sample_prompts=("What does math.sqrt do?", "Who are you?") if corpus.is_python else ("The", "It was"),
        save_every=often,
    )


def in_memory(train: TrainConfig, size: Size, devices: Devices) -> TrainConfig:
    """The same with what the planner changes to make it fit; where nothing does, with one sequence at a time."""
    footprint = size.footprint(train, devices)
    if footprint.fits:
        return train
    remedy = memory_remedy(footprint)
    return replace(train, **remedy.changes) if remedy else replace(train, micro_batch=1)
