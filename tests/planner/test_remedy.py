"""The remedy is the change that costs the least time, and it does help."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import cards, footprint, processor, training

from handspun.planner.duration import hours, slowness
from handspun.planner.memory import Footprint
from handspun.planner.remedy import candidates, memory_remedy, smaller_micro_batches
from handspun.settings import parse_override


def mended(footprint: Footprint) -> Footprint:
    """The training with its remedy."""
    remedy = memory_remedy(footprint)
    assert remedy is not None
    mode = remedy.changes.get("parallel", footprint.mode)
    return replace(footprint, train=replace(footprint.train, **remedy.changes), mode=mode)


def short_of(footprint: Footprint, share: float) -> Footprint:
    """The same with a part of the memory that it needs."""
    return replace(footprint, devices=replace(footprint.devices, free_bytes=int(share * footprint.memory().total)))


@given(st.floats(0.1, 0.99), st.sampled_from([1, 2, 4]), st.sampled_from(["cpu", "cuda"]))
def test_a_remedy_makes_it_fit_and_nothing_that_fits_is_faster(share: float, count: int, kind: str) -> None:
    devices = cards(count) if kind == "cuda" else processor()
    tight = short_of(footprint(devices, "single" if devices.count == 1 else "ddp"), share)
    remedy = memory_remedy(tight)
    fitting = [candidate for _, candidate in candidates(tight) if candidate.fits]
    if remedy is None:
        assert not fitting
    else:
        assert mended(tight).fits
        assert slowness(mended(tight)) == min(map(slowness, fitting))


def test_a_little_too_much_is_mended_by_smaller_forwards() -> None:
    remedy = memory_remedy(short_of(footprint(cards()), 0.9))
    assert remedy is not None and remedy.changes.keys() == {"micro_batch"}


def test_where_forwards_are_small_already_activations_are_computed_anew() -> None:
    remedy = memory_remedy(short_of(footprint(cards(), micro_batch=1, seq_len=1024), 0.97))
    assert remedy is not None and remedy.changes.keys() == {"activation_checkpointing"}


def test_weights_that_do_not_fit_are_shared_where_there_are_others_and_else_offloaded() -> None:
    large = {"d_model": 4096, "micro_batch": 1}
    shared = memory_remedy(short_of(footprint(cards(4), "ddp", **large), 0.6))
    assert shared is not None and shared.overrides == "train.parallel=fsdp"
    alone = memory_remedy(short_of(footprint(cards(1), **large), 0.6))
    assert alone is not None and alone.overrides == "train.offload=optimizer"


def test_a_processor_is_not_told_to_offload() -> None:
    remedy = memory_remedy(short_of(footprint(), 0.6))
    assert remedy is not None and "offload" not in remedy.changes
    assert memory_remedy(footprint(processor(gib=0.5))) is None


def test_what_is_asked_for_already_is_not_taken_back() -> None:
    tight = short_of(footprint(cards(), activation_checkpointing="full", offload="optimizer"), 0.8)
    for changes, _ in candidates(tight):
        assert changes.get("activation_checkpointing", "full") == "full"
        assert changes.get("offload", "optimizer") in ("optimizer", "all")


def test_the_overrides_are_typed_as_they_are() -> None:
    remedy = memory_remedy(short_of(footprint(cards(), d_model=2048), 0.5))
    assert remedy is not None
    parsed = dict(parse_override(override) for override in remedy.overrides.split())
    assert parsed == {f"train.{key}": value for key, value in remedy.changes.items()}


@pytest.mark.parametrize(("n_devices", "sizes"), [(1, [16, 8, 4, 2, 1]), (8, [8, 4, 2, 1]), (3, []), (128, [])])
def test_every_device_has_whole_forwards(n_devices: int, sizes: list[int]) -> None:
    assert smaller_micro_batches(training(), 16, n_devices) == sizes


@pytest.mark.parametrize("n_devices", [3, 5, 7, 96, 128])
def test_steps_that_devices_cannot_share_are_made_so_that_they_can(n_devices: int) -> None:
    uneven = footprint(cards(n_devices), "ddp")
    assert not uneven.fits
    found = mended(uneven)
    assert found.fits and found.train.batch_rows % n_devices == 0
    assert found.train.batch_rows <= max(n_devices, uneven.train.batch_rows)


def test_steps_that_can_be_shared_stay_as_they_are() -> None:
    assert all("batch_tokens" not in changes for changes, _ in candidates(short_of(footprint(cards(4), "ddp"), 0.8)))


def test_a_remedy_says_how_long_it_takes() -> None:
    remedy = memory_remedy(tight := short_of(footprint(cards(), micro_batch=1, seq_len=1024), 0.97))
    assert remedy is not None and remedy.hours == hours(mended(tight))
