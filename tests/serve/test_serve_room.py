"""What a model takes is known before it is loaded, and what is proposed instead fits."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from handspun.machine import Memory
from handspun.model.cost import parameters
from handspun.quantize import size
from handspun.runs import Run
from handspun.serve.config import ServeConfig
from handspun.serve.entry import Entry
from handspun.serve.library import Library
from handspun.serve.room import GIB, Room, free_bytes, most


@pytest.fixture
def entry(endless_run: Path, tmp_path: Path) -> Entry:
    """A model of a billion parameters, by its shape alone."""
    found = Library([Run(endless_run)], created=tmp_path / "served").entry("endless")
    shape = replace(found.shape, d_model=2048, n_layers=20, n_heads=16, max_seq_len=4096)
    n_params = sum(parameters(shape, 32_000).values())
    return replace(found, shape=shape, n_params=n_params, vocab_size=32_000, compute_dtype="bfloat16", name="big:latest")


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no memory for a second packing of that model."""
    monkeypatch.setattr(size, "memory", lambda: Memory(4 * GIB, 4 * GIB))


def test_the_parts_add_up_to_what_is_refused(entry: Entry) -> None:
    room = Room(entry, ServeConfig(max_rows=16))
    assert room.weight_bytes == 2 * entry.n_params
    assert room.kv_bytes == 16 * 4096 * 2 * 20 * 2048 * 2
    assert room.n_bytes == room.weight_bytes + room.kv_bytes + room.scratch_bytes
    sentence = str(room.refusal(GIB, [entry]))
    assert f"needs {room.n_bytes / GIB:.2f} GiB of memory (weights {room.weight_bytes / GIB:.2f}, keys" in sentence
    assert "keys and values of 16 × 4,096 tokens 10.00, scratch" in sentence
    assert "and 1.00 GiB are free" in sentence


def test_while_it_is_loaded_a_model_is_as_large_as_its_checkpoint(entry: Entry) -> None:
    room = Room(entry, ServeConfig(max_rows=1, num_ctx=64))
    assert room.n_bytes == 4 * entry.n_params > room.serving_bytes
    assert f"(while its weights are loaded as fp32; then {room.serving_bytes / GIB:.2f}: weights" in str(room.refusal(GIB, []))


def test_the_proposed_context_and_rows_fit_and_the_next_larger_do_not(entry: Entry) -> None:
    config, free = ServeConfig(max_rows=16), 6 * GIB
    sentence = str(Room(entry, config).refusal(free, [entry]))
    num_ctx, max_rows = (int(found) for found in re.findall(r"serve\.\w+=(\d+)", sentence))
    for settings, larger in (
        ({"num_ctx": num_ctx}, {"num_ctx": num_ctx + 64}),
        ({"max_rows": max_rows}, {"max_rows": max_rows + 1}),
    ):
        assert Room(entry, replace(config, **settings)).n_bytes <= free < Room(entry, replace(config, **larger)).n_bytes
    assert "handspun quantize" not in sentence  # of 10 GiB of keys and values fewer weights save too little


def test_a_second_packing_is_counted_where_there_is_memory_for_it(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "memory", lambda: Memory(64 * GIB, 0))
    int8, table = Room(replace(entry, scheme="int8"), ServeConfig()), entry.vocab_size * entry.shape.d_model
    assert int8.weight_bytes == pytest.approx(2 * entry.n_params - table, rel=0.01)  # nothing is multiplied with the embedding


@pytest.mark.usefixtures("little_memory")
def test_the_scheme_with_the_most_bits_that_fits_is_proposed_as_a_command_or_by_name(entry: Entry) -> None:
    config = ServeConfig(max_rows=1, num_ctx=1024)
    rooms = {scheme: Room(replace(entry, scheme=scheme), config).n_bytes for scheme in ("bf16", "int8", "int4")}
    for scheme, n_bytes in rooms.items():
        assert f"`handspun quantize big scheme={scheme}`" in str(Room(entry, config).refusal(n_bytes, [entry]))
    int8 = replace(entry, name="big:int8", scheme="int8")
    assert 'ask for "big:int8"' in str(Room(entry, config).refusal(rooms["int8"], [entry, int8]))
    assert "quantize" not in str(Room(int8, config).refusal(rooms["int4"], [entry, int8]))


@pytest.mark.usefixtures("little_memory")
def test_quantized_weights_are_small_on_a_cpu_and_whole_elsewhere(entry: Entry) -> None:
    int8 = replace(entry, scheme="int8")
    assert Room(int8, ServeConfig()).weight_bytes == pytest.approx(entry.n_params, rel=0.01)
    assert Room(int8, ServeConfig(), "cuda").weight_bytes == 2 * entry.n_params


def test_where_one_change_is_too_little_two_are_proposed_that_fit_together(entry: Entry) -> None:
    config, free = ServeConfig(max_rows=16), 3 * GIB
    sentence = str(Room(entry, config).refusal(free, [entry]))
    found = re.search(
        r"; quantize it: `handspun quantize big scheme=(\w+)`, and serve it with serve.num_ctx=(\d+)\.$", sentence
    )
    assert found is not None
    scheme, num_ctx = found[1], int(found[2])
    assert Room(replace(entry, scheme=scheme), replace(config, num_ctx=num_ctx)).n_bytes <= free
    assert Room(replace(entry, scheme=scheme), replace(config, num_ctx=num_ctx + 64)).n_bytes > free


def test_where_nothing_fits_nothing_is_promised(entry: Entry) -> None:
    sentence = str(Room(entry, ServeConfig()).refusal(GIB // 100, [entry]))
    assert sentence.endswith("close other programs, or serve a smaller model.")
    assert "serve." not in sentence.removesuffix("serve a smaller model.")


def test_the_context_that_is_set_aside_is_never_more_than_the_model_has(entry: Entry) -> None:
    assert Room(entry, ServeConfig(num_ctx=100_000)).num_ctx == 4096
    assert Room(entry, ServeConfig(num_ctx=100)).num_ctx == 100


def test_the_most_that_fits_is_found() -> None:
    assert most(range(1, 100), lambda value: value <= 42) == 42
    assert most(range(1, 100), lambda value: True) == 99
    assert most(range(1, 100), lambda value: False) is None
    assert most(range(1, 1), lambda value: True) is None


def test_this_machine_has_memory() -> None:
    assert free_bytes() > 0
