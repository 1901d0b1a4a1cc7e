"""Instruction tuning: conversations packed with replayed text, and which of their tokens are learnt from."""

from handspun.tokens.shards import ShardSet
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batches, ChatRows, TextRows
from handspun.train.config import TrainConfig
from handspun.tune.config import TuneConfig


def tuning_batches(
    config: TuneConfig, train: TrainConfig, *, chats: ShardSet, text: ShardSet | None, tokenizer: Tokenizer, seed: int
) -> tuple[TrainConfig, Batches]:
    """The trainer's settings and batches for tuning; without `text` nothing is replayed."""
    settings = config.applied_to(train)
    separator = tokenizer.end_of_text if settings.document_mask else None
    text_rows = (
        TextRows(text, settings.seq_len, seed, separator=separator) if text is not None and config.replay_share else None
    )
    chat_rows = ChatRows(chats, settings.seq_len, seed, padding=tokenizer.pad, mask_prompt=config.mask_prompt)
    return settings, Batches(settings, text_rows, chat_rows)
