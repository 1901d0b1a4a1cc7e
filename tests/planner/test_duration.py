"""Hours are FLOPs at a rate, and more where work is done twice, exchanged, or waits for the host."""

import pytest
from small import VOCABULARY, cards, footprint, processor

from handspun.model.cost import flops_per_token
from handspun.planner.duration import EFFICIENCY, hours, slowness
from handspun.planner.rate import MeasuredRate


def test_an_hour_is_what_the_rate_does_in_an_hour() -> None:
    small = footprint(cards())
    flops = small.train.steps * small.train.batch_tokens * flops_per_token(small.model, VOCABULARY, small.train.seq_len)
    assert hours(small) == pytest.approx(flops / 4e13 / 3600)
    assert hours(footprint(processor(rate=MeasuredRate(())))) is None


def test_several_devices_share_the_time_and_lose_some_of_it() -> None:
    alone, ddp, fsdp = (hours(footprint(cards(n), mode)) for n, mode in ((1, "single"), (4, "ddp"), (4, "fsdp")))
    assert alone / 4 < ddp < fsdp < alone
    assert ddp == pytest.approx(alone / 4 / EFFICIENCY["ddp"])


def test_a_forward_that_is_done_twice_is_a_third_of_the_step() -> None:
    once, half, twice = (hours(footprint(cards(), activation_checkpointing=which)) for which in ("none", "selective", "full"))
    assert twice / once == pytest.approx(4 / 3)
    assert half / once == pytest.approx(7 / 6)


def test_what_is_offloaded_takes_its_way() -> None:
    none, states, everything = (hours(footprint(cards(), offload=which)) for which in ("none", "optimizer", "all"))
    assert none < states < everything
    assert hours(footprint(offload="all")) == hours(footprint(offload="none")), "a processor moves nothing"


def test_small_forwards_are_slower() -> None:
    assert slowness(footprint(micro_batch=1)) > slowness(footprint(micro_batch=16))
    assert slowness(footprint(processor(rate=MeasuredRate(())))) > 0
