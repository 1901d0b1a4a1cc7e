"""Packing examples of many lengths into rows of one length, none of them split."""

import numpy as np


def pack(lengths: np.ndarray, row_tokens: int, order: np.ndarray) -> list[np.ndarray]:
    """The examples (int64 indices) that share each row, every example of `order` in the fullest row that still holds it.

    `lengths` are tokens per example, at least 1. An example longer than a row is left out: `(lengths > row_tokens).sum()` says
    how many. The rows are a function of the arguments alone (best fit; Johnson, 1974).
    """
    rows: list[list[int]] = []
    rows_by_room: list[list[int]] = [[] for _ in range(row_tokens + 1)]
    rooms = 0  # bit r is set while some row has room for exactly r tokens
    for example in order[lengths[order] <= row_tokens].tolist():
        length = int(lengths[example])
        if fitting := rooms >> length:
            room = length + _lowest_bit(fitting)
            row = rows_by_room[room].pop()
            if not rows_by_room[room]:
                rooms ^= 1 << room
        else:
            room, row = row_tokens, len(rows)
            rows.append([])
        rows[row].append(example)
        rows_by_room[room - length].append(row)
        rooms |= 1 << (room - length)
    return [np.array(row, dtype=np.int64) for row in rows]


def _lowest_bit(number: int) -> int:
    """The place of the lowest bit that is set."""
    return (number & -number).bit_length() - 1
