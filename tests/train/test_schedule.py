"""The learning rate over a run."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handspun.train.config import TrainConfig
from handspun.train.schedule import lr_share
from tiny_run import tiny_config


def hundred_steps(**changes: object) -> TrainConfig:
    return tiny_config(train_tokens=100 * 384, **changes)


def test_it_rises_in_equal_steps_and_reaches_the_peak_in_the_last_of_them() -> None:
    config = hundred_steps(warmup_steps=4)
    assert [lr_share(step, config) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_without_warmup_it_begins_at_the_peak() -> None:
    assert lr_share(0, hundred_steps(warmup_steps=0)) == 1.0


def test_wsd_stays_until_the_decay_and_then_falls_in_equal_steps() -> None:
    config = hundred_steps(warmup_steps=10, decay_steps=4)
    assert [lr_share(step, config) for step in (9, 10, 50, 95)] == [1.0] * 4
    assert [lr_share(step, config) for step in (96, 97, 98, 99)] == pytest.approx([0.8, 0.6, 0.4, 0.2])


def test_wsd_ends_one_step_above_the_lowest_ratio() -> None:
    config = hundred_steps(decay_steps=9, min_lr_ratio=0.1)
    assert lr_share(99, config) == pytest.approx(0.1 + 0.9 / 10)


def test_wsd_without_decay_steps_stays_to_the_end() -> None:
    assert lr_share(99, hundred_steps(decay_steps=0)) == 1.0


def test_cosine_passes_the_middle_at_half_and_ends_near_the_lowest_ratio() -> None:
    config = hundred_steps(schedule="cosine", warmup_steps=20, min_lr_ratio=0.2)
    assert lr_share(20, config) == 1.0
    assert lr_share(60, config) == pytest.approx(0.6)
    assert 0.2 < lr_share(99, config) < 0.201


@given(
    st.sampled_from(["wsd", "cosine"]),
    st.integers(1, 60),
    st.integers(0, 10),
    st.floats(0, 1),
)
def test_no_step_is_without_a_learning_rate_and_after_the_warmup_it_never_rises(
    schedule: str, steps: int, warmup_steps: int, min_lr_ratio: float
) -> None:
    config = tiny_config(
        train_tokens=steps * 384, schedule=schedule, warmup_steps=min(warmup_steps, steps), min_lr_ratio=min_lr_ratio
    )
    shares = [lr_share(step, config) for step in range(config.steps)]
    assert all(0 < share <= 1 for share in shares)
    falling = shares[max(0, config.warmup_steps - 1) :]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(falling))
