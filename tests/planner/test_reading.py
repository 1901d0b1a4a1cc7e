"""A model that only reads takes its weights twice as wide while it loads, and a cache that grows with rows and tokens."""

from dataclasses import replace

from small import VOCABULARY, cards, footprint, processor

from handspun.planner.reading import Reading
from handspun.quantize.size import packed_bytes

SMALL = footprint()
READING = Reading(SMALL.model, VOCABULARY, processor(), 1, 1)


def test_a_few_tokens_take_no_more_than_loading() -> None:
    assert READING.n_bytes == 4 * SMALL.n_params + READING.devices.runtime_bytes


def test_rows_and_tokens_take_room() -> None:
    rows, tokens = replace(READING, n_rows=512, n_tokens=64), replace(READING, n_rows=64, n_tokens=512)
    assert rows.n_bytes > READING.n_bytes and tokens.n_bytes > READING.n_bytes
    assert replace(tokens, n_rows=65).n_bytes > tokens.n_bytes


def test_quantized_weights_are_counted_as_they_are_packed() -> None:
    int8, table = replace(READING, scheme="int8"), VOCABULARY * SMALL.model.d_model
    small, packed = int8.weight_bytes(2)
    assert packed == packed_bytes(SMALL.model, VOCABULARY, "int8", dtype_bytes=2) >= small + table
    assert replace(int8, devices=cards()).weight_bytes(2) == (small, 2 * SMALL.n_params)


def test_it_fits_or_not() -> None:
    assert READING.fits
    assert not replace(READING, devices=processor(gib=0.1)).fits
