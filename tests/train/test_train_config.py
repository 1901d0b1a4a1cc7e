"""The recipe's [train] table."""

from typing import Any

import pytest

from handspun.reference import documented_fields
from handspun.train.config import TrainConfig
from tiny_run import tiny_config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train_tokens", 0),
        ("seq_len", 0),
        ("micro_batch", -1),
        ("batch_tokens", 0),
        ("eval_every", 0),
        ("sample_every", 0),
        ("save_every", 0),
        ("batch_tokens", 32_769),
        ("chat_share", 1.1),
        ("min_lr_ratio", -0.1),
        ("warmup_steps", -1),
        ("decay_steps", -1),
        ("weight_decay", -0.1),
        ("lr", 0.0),
        ("matrix_lr", -1.0),
        ("betas", (0.9, 1.0)),
        ("momentum", 1.0),
        ("eval_tokens", 1),
        ("keep_checkpoints", 0),
        ("grad_clip", 0.0),
        ("warmup_steps", 400),
    ],
)
def test_an_impossible_value_is_refused_under_its_key(key: str, value: Any) -> None:
    shown = list(value) if isinstance(value, tuple) else value
    with pytest.raises(ValueError, match="^" + f"{key}={shown}: ".replace("[", r"\[")):
        TrainConfig(**{key: value})


def test_batch_tokens_that_do_not_fit_are_answered_with_the_nearest_that_do() -> None:
    with pytest.raises(ValueError, match="4096; 8192 would be"):
        TrainConfig(seq_len=512, micro_batch=8, batch_tokens=8000)


def test_decay_steps_belong_to_wsd() -> None:
    assert TrainConfig(schedule="wsd", decay_steps=20).final_steps == 20
    with pytest.raises(ValueError, match="decay_steps=20: cosine falls over the whole run"):
        TrainConfig(schedule="cosine", decay_steps=20)


def test_what_follows_from_the_batch_is_derived() -> None:
    config = TrainConfig(train_tokens=100_000, seq_len=128, micro_batch=4, batch_tokens=2048)
    assert (config.grad_accum, config.batch_rows, config.steps) == (4, 16, 49)


def test_without_decay_steps_the_last_sixty_percent_decay() -> None:
    assert tiny_config(train_tokens=100 * 384, warmup_steps=3).final_steps == 60
    assert tiny_config(train_tokens=100 * 384, warmup_steps=70).final_steps == 30


def test_every_key_says_what_it_is_for() -> None:
    assert all(field.doc for field in documented_fields(TrainConfig))
