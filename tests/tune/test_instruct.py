"""Instruction tuning: what is read, and what of it is learnt from."""

from pathlib import Path

import pytest

from handspun.train.batches import Batches
from handspun.train.config import TrainConfig
from handspun.tune.config import TuneConfig
from handspun.tune.instruct import tuning_batches
from tiny_run import byte_tokenizer, tiny_chats, tiny_config, tiny_text


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def batches_for(data: Path, config: TuneConfig, train: TrainConfig | None = None) -> Batches:
    return tuning_batches(
        config,
        train or tiny_config(),
        chats=tiny_chats(data),
        texts=[tiny_text(data)],
        tokenizer=byte_tokenizer(),
        seed=2,
    )[1]


def n_text_rows(batches: Batches, n: int) -> int:
    """How many of the first rows are text, which is learnt from as a whole."""
    return sum(bool(batches.row(index).loss_mask.all()) for index in range(n))


def test_the_replayed_share_of_the_rows_is_pretraining_text(data: Path) -> None:
    assert n_text_rows(batches_for(data, TuneConfig(replay_share=0.25)), 100) == 25


def test_without_replay_there_are_conversations_only(data: Path) -> None:
    batches = batches_for(data, TuneConfig(replay_share=0.0))
    assert batches.text is None
    assert n_text_rows(batches, 40) == 0


def test_without_text_nothing_is_replayed(data: Path) -> None:
    _, batches = tuning_batches(
        TuneConfig(replay_share=0.25), tiny_config(), chats=tiny_chats(data), texts=[], tokenizer=byte_tokenizer(), seed=2
    )
    assert n_text_rows(batches, 40) == 0


def test_replies_alone_are_learnt_unless_prompts_are_asked_for(data: Path) -> None:
    tokenizer = byte_tokenizer()
    roles = {tokenizer.role("user"), tokenizer.role("assistant")}
    masked, whole = (batches_for(data, TuneConfig(replay_share=0.0, mask_prompt=mask)).row(0) for mask in (True, False))
    assert (masked.ids == whole.ids).all()
    assert not roles & set(masked.ids[masked.loss_mask].tolist())
    assert roles <= set(whole.ids[whole.loss_mask].tolist())
    for row in (masked, whole):
        assert tokenizer.end_of_turn in row.ids[row.loss_mask]
        assert tokenizer.pad not in row.ids[row.loss_mask]


def test_replayed_documents_are_kept_apart_where_the_recipe_keeps_them_apart(data: Path) -> None:
    for document_mask in (True, False):
        batches = batches_for(data, TuneConfig(replay_share=0.5), tiny_config(document_mask=document_mask))
        assert batches.text is not None
        assert batches.text.row(0).segments.any() == document_mask


def test_the_settings_that_come_with_the_batches_are_those_of_the_tuning(data: Path) -> None:
    settings, batches = tuning_batches(
        TuneConfig(train_tokens=10 * 384, lr=0.5),
        tiny_config(),
        chats=tiny_chats(data),
        texts=[],
        tokenizer=byte_tokenizer(),
        seed=2,
    )
    assert batches.config is settings
    assert (settings.steps, settings.lr) == (10, 0.5)
