"""A model that only reads takes its weights twice as wide while it loads, and a cache that grows with rows and tokens."""

from dataclasses import replace

from small import VOCABULARY, footprint, processor

from handspun.planner.reading import Reading

SMALL = footprint()
READING = Reading(SMALL.model, VOCABULARY, processor(), 1, 1)


def test_a_few_tokens_take_no_more_than_loading() -> None:
    assert READING.n_bytes == 4 * SMALL.n_params + READING.devices.runtime_bytes


def test_rows_and_tokens_take_room() -> None:
    rows, tokens = replace(READING, n_rows=512, n_tokens=64), replace(READING, n_rows=64, n_tokens=512)
    assert rows.n_bytes > READING.n_bytes and tokens.n_bytes > READING.n_bytes
    assert replace(tokens, n_rows=65).n_bytes > tokens.n_bytes


def test_it_fits_or_not() -> None:
    assert READING.fits
    assert not replace(READING, devices=processor(gib=0.1)).fits
