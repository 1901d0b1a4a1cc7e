"""The speed of a machine is that of real training steps."""

from handspun.device import choose_device
from handspun.sizing import size_of
from handspun.speed import CORPUS_BYTES, measured_speed, training_steps


def test_a_speed_is_measured_in_the_time_that_is_given() -> None:
    size = size_of((64, 2, 2), CORPUS_BYTES)
    speed = measured_speed(size, choose_device(), 0.05)
    assert speed.flops_per_token == size.flops
    assert 1e6 < speed.flops_per_s < 1e16


def test_every_step_reads_the_same_number_of_tokens() -> None:
    size = size_of((64, 2, 2), CORPUS_BYTES)
    steps = training_steps(size, choose_device())
    assert [next(steps) for _ in range(2)] == [4 * size.seq_len] * 2 or choose_device().kind != "cpu"
