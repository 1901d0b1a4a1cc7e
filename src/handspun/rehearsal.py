"""A rehearsal: a recipe of any size at a small fraction of its width, made from end to end before anything is spent on it.

    rehearsal(load_recipe("illuminator-4.7b"), sources=("~/notes",))

has the same layers, cycle of positions, groups of heads, optimizer, schedule and accumulation, and takes seconds on a CPU.
"""

from dataclasses import replace

from handspun.corpus.config import CorpusConfig
from handspun.model.config import ModelConfig
from handspun.recipe import Recipe
from handspun.tokens.config import TokensConfig
from handspun.train.config import TrainConfig

MICRO_BATCHES, ROWS = 2, 2
"""A step accumulates over two forwards of two rows."""
SMALLEST_VOCABULARY = {"bytes": 288, "uncased": 128}
SEQUENCE_DIVISOR, SHORTEST_SEQUENCE, SHORTEST_CHAT = 16, 64, 256


def rehearsal(recipe: Recipe, sources: tuple[str, ...], *, divisor: int = 64, steps: int = 4) -> Recipe:
    """The recipe at 1 / `divisor` of its width, for a few steps on `sources`; conversations are the hand-written ones.

    A hundred kilobytes of text are enough. Compiling is left out.
    """
    chats = ("manners",) if recipe.corpus.conversations else ()
    train = rehearsed_training(recipe.train, steps, SHORTEST_CHAT if chats else SHORTEST_SEQUENCE)
    tune = replace(recipe.tune, train_tokens=steps * train.batch_tokens, warmup_steps=1) if recipe.tune else None
    return replace(
        recipe,
        name=f"{recipe.name}-rehearsal",
        corpus=rehearsed_corpus(recipe.corpus, sources, chats),
        tokens=rehearsed_tokens(recipe.tokens, divisor),
        model=rehearsed_model(recipe.model, divisor, train.seq_len),
        train=train,
        tune=tune,
    )


def rehearsed_corpus(corpus: CorpusConfig, sources: tuple[str, ...], chats: tuple[str, ...]) -> CorpusConfig:
    """Other text in the same form, a fifth of it held out; weighed alike where there are as many sources."""
    weights = corpus.weights if len(sources) == len(corpus.sources) else ()
    return replace(corpus, sources=sources, weights=weights, max_bytes=None, conversations=chats, val_share=0.2)


def rehearsed_tokens(tokens: TokensConfig, divisor: int) -> TokensConfig:
    """A vocabulary of the same kind, as small as the width, and large enough for the characters of English."""
    vocab_size = max(SMALLEST_VOCABULARY[tokens.profile], tokens.vocab_size // divisor)
    return replace(tokens, vocab_size=vocab_size, gpt2_folder=None)


def rehearsed_model(model: ModelConfig, divisor: int, seq_len: int) -> ModelConfig:
    """A narrow model: as many layers, as many heads to a group, two groups where they fit, an even number of channels each."""
    width, per_group = model.d_model // divisor, model.n_heads // model.kv_heads
    n_kv_heads = min(model.kv_heads, 2 if width >= 4 * per_group else 1)
    n_heads = per_group * n_kv_heads
    head_dim = max(2, 2 * round(width / n_heads / 2))
    return replace(
        model,
        d_model=n_heads * head_dim,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads if model.n_kv_heads else None,
        d_ff=max(8, model.ff_width // divisor),
        max_seq_len=max(seq_len, model.max_seq_len // SEQUENCE_DIVISOR),
        copy_dim=max(8, model.copy_dim // divisor),
    )


def rehearsed_training(train: TrainConfig, steps: int, shortest: int) -> TrainConfig:
    """A few steps of the same kind; each thing that happens now and then happens once, at the end."""
    seq_len = max(shortest, train.seq_len // SEQUENCE_DIVISOR)
    batch_tokens = MICRO_BATCHES * ROWS * seq_len
    return replace(
        train,
        train_tokens=steps * batch_tokens,
        seq_len=seq_len,
        micro_batch=ROWS,
        batch_tokens=batch_tokens,
        warmup_steps=1,
        decay_steps=None if train.decay_steps is None else steps // 2,
        eval_every=steps,
        eval_tokens=4 * seq_len,
        sample_every=steps,
        save_every=steps,
        keep_every=None,
        compile=False,
    )
