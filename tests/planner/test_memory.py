"""The parts of a training's memory are those of the arithmetic, and each way to save memory saves its own part."""

from dataclasses import replace

import pytest
from small import VOCABULARY, cards, footprint, processor

from handspun.model.cost import optimizer_states
from handspun.planner.memory import Footprint

PARTS = ("weights", "gradients", "optimizer", "activations", "logits", "buffers", "slack", "runtime")


def parts(of: Footprint) -> dict[str, int]:
    """Bytes by part."""
    return {part: getattr(of.memory(), part) for part in PARTS}


def changed(before: Footprint, after: Footprint) -> dict[str, int]:
    """What the second takes more than the first, part by part, without the allocator's slack."""
    first, second = parts(before), parts(after)
    return {part: second[part] - first[part] for part in PARTS if part != "slack" and second[part] != first[part]}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_weights_gradients_and_optimizer_states_are_float32(optimizer: str) -> None:
    small = footprint(optimizer=optimizer)
    memory = small.memory()
    assert memory.weights == memory.gradients == 4 * small.n_params
    assert memory.optimizer == 4 * optimizer_states(small.model, VOCABULARY, optimizer)


@pytest.mark.parametrize("devices", [processor(), cards()])
def test_the_total_is_the_sum_of_its_parts(devices) -> None:
    small = footprint(devices)
    memory = small.memory()
    assert memory.total == sum(parts(small).values())
    assert memory.other == memory.buffers + memory.slack + memory.runtime
    assert memory.allocated == memory.total - memory.slack - memory.runtime


def test_more_sequences_take_more_activations_and_nothing_else() -> None:
    few, many = footprint(micro_batch=4), footprint(micro_batch=16)
    assert changed(few, many) == {"activations": 3 * few.memory().activations}


def test_where_a_step_is_one_forward_its_gradients_take_the_place_of_its_activations() -> None:
    several, one = footprint(), footprint(batch_tokens=16 * 512)
    assert changed(several, one) == {"activations": -one.memory().gradients}
    tiny_forward = footprint(micro_batch=1, batch_tokens=512)
    assert tiny_forward.memory().activations == 0


def test_recomputed_blocks_keep_their_inputs_alone() -> None:
    none, selective, full = (footprint(activation_checkpointing=which) for which in ("none", "selective", "full"))
    assert none.memory().activations > selective.memory().activations > full.memory().activations
    inputs = 8 * full.model.d_model * full.dtype_bytes * full.n_tokens
    assert inputs < full.memory().activations < inputs + none.memory().activations / 4


def test_float32_needs_no_casts_and_wider_activations() -> None:
    narrow, wide = footprint(compute_dtype="bfloat16"), footprint(compute_dtype="float32")
    assert wide.memory().buffers == 0 < narrow.memory().buffers
    assert wide.memory().activations > narrow.memory().activations


def test_auto_is_what_the_device_is_faster_in() -> None:
    bfloat16, float32 = (footprint(processor(computes_bfloat16=claim)).dtype_bytes for claim in (True, False))
    assert (bfloat16, float32) == (2, 4)


def test_ddp_has_the_whole_model_on_each_device_and_fsdp_a_part() -> None:
    devices, batch = cards(4), 256 * 512
    single, ddp, fsdp = (footprint(devices, mode, batch_tokens=batch) for mode in ("single", "ddp", "fsdp"))
    assert changed(single, ddp) == {}
    for part in ("weights", "gradients", "optimizer"):
        assert parts(fsdp)[part] == pytest.approx(parts(single)[part] / 4, abs=4)
    assert fsdp.memory().activations == single.memory().activations


def test_the_first_of_several_has_room_for_a_copy_to_measure() -> None:
    huge = footprint(cards(64), "fsdp", d_model=8192, micro_batch=1)
    memory = huge.memory()
    assert memory.allocated >= memory.weights + memory.optimizer + 2 * huge.n_params


def test_what_is_offloaded_moves_to_the_host() -> None:
    none, states, everything = (footprint(cards(), offload=which) for which in ("none", "optimizer", "all"))
    assert changed(none, states) == {"optimizer": -none.memory().optimizer}
    assert states.host_bytes() == none.memory().optimizer
    assert everything.memory().weights == everything.memory().gradients == everything.memory().optimizer == 0
    assert everything.host_bytes() == none.memory().weights + none.memory().gradients + none.memory().optimizer


def test_a_processor_has_no_other_memory_to_offload_to() -> None:
    none, everything = footprint(offload="none"), footprint(offload="all")
    assert changed(none, everything) == {}
    assert everything.host_bytes() == 0


def test_a_compiled_model_keeps_no_more_than_one_that_is_not() -> None:
    stock, compiled = footprint(cards()), footprint(cards(), compile=True)
    assert compiled.memory().activations < stock.memory().activations


def test_it_fits_where_every_device_has_room_and_the_same_share() -> None:
    fitting = footprint(cards(2), "ddp")
    assert fitting.is_even and fitting.fits
    assert not replace(fitting, devices=cards(2, gib=1)).fits
    assert not replace(fitting, devices=cards(3)).is_even
    assert not replace(fitting, devices=cards(3)).fits
