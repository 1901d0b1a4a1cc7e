"""The recipe's [tune] table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handspun.reference import documented_fields
from handspun.train.schedule import lr_share
from handspun.tune.config import TuneConfig
from tiny_run import tiny_config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train_tokens", 0),
        ("replay_share", -0.1),
        ("replay_share", 1.0),
        ("warmup_steps", -1),
        ("lr", 0.0),
        ("matrix_lr", -0.1),
    ],
)
def test_an_impossible_value_is_refused_under_its_key(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{key}={value}: "):
        TuneConfig(**{key: value})


def test_what_tune_names_replaces_what_train_says_and_all_else_stays() -> None:
    train = tiny_config(schedule="cosine", lr=0.1, save_every=5, betas=(0.8, 0.9))
    tune = TuneConfig(train_tokens=20 * 384, lr=0.01, matrix_lr=0.02, warmup_steps=2, replay_share=0.25)
    applied = tune.applied_to(train)
    assert (applied.steps, applied.lr, applied.matrix_lr, applied.chat_share) == (20, 0.01, 0.02, 0.75)
    assert (applied.save_every, applied.betas, applied.batch_tokens) == (5, (0.8, 0.9), 384)
    assert train.lr == 0.1


def test_after_the_warmup_the_learning_rate_falls_to_the_end() -> None:
    applied = TuneConfig(train_tokens=5 * 384, warmup_steps=1).applied_to(tiny_config())
    assert [lr_share(step, applied) for step in range(5)] == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])


@given(st.integers(1, 40 * 384), st.integers(0, 100), st.floats(0, 0.99), st.sampled_from(["wsd", "cosine"]))
def test_every_tuning_that_can_be_written_can_be_run(
    train_tokens: int, warmup_steps: int, replay_share: float, schedule: str
) -> None:
    tune = TuneConfig(train_tokens=train_tokens, warmup_steps=warmup_steps, replay_share=replay_share)
    applied = tune.applied_to(tiny_config(schedule=schedule))
    assert all(0 < lr_share(step, applied) <= 1 for step in range(applied.steps))


def test_every_key_says_what_it_is_for() -> None:
    assert all(field.doc for field in documented_fields(TuneConfig))
