"""Instruction tuning: conversations packed with replayed text, and which of their tokens are learnt from."""

from collections.abc import Sequence

from handspun.tokens.shards import ShardSet
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batches, ChatRows
from handspun.train.config import TrainConfig
from handspun.train.mixture import mixed_rows
from handspun.tune.config import TuneConfig


def tuning_batches(
    config: TuneConfig,
    train: TrainConfig,
    *,
    chats: ShardSet,
    texts: Sequence[ShardSet],
    weights: Sequence[int] = (1,),
    tokenizer: Tokenizer,
    seed: int,
) -> tuple[TrainConfig, Batches]:
    """The trainer's settings and batches for tuning; `texts` are replayed by `weights`, and without any nothing is."""
    settings = config.applied_to(train)
    text_rows = None
    if texts and config.replay_share:
        text_rows = mixed_rows(settings, texts, weights, seed, end_of_text=tokenizer.end_of_text)
    chat_rows = ChatRows(chats, settings.seq_len, seed, padding=tokenizer.pad, mask_prompt=config.mask_prompt)
    return settings, Batches(settings, text_rows, chat_rows)
