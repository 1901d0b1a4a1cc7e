"""How much room weights take under a scheme, stored and packed for the kernels of a CPU, by arithmetic alone."""

from handspun.machine import memory
from handspun.model.config import ModelConfig
from handspun.model.cost import multiplied_parameters, parameters
from handspun.quantize.config import BITS, Scheme, format_of

SHARE_FOR_SECOND_PACKING = 16
"""Matrices are packed for a second kernel where that takes no more than one part in so many of the machine's memory.

Of all of it, and not of what is free just now: the kernels round differently, and a machine always takes the same.
"""


def stored_bytes(model: ModelConfig, vocab_size: int, scheme: Scheme) -> int:
    """The weights as a scheme stores them."""
    parts = parameters(model, vocab_size)
    tables = parts["embedding"] + parts["head"]
    return table_bytes(tables, scheme) + int(BITS[scheme] * (sum(parts.values()) - tables) / 8)


def packed_bytes(model: ModelConfig, vocab_size: int, scheme: Scheme, *, dtype_bytes: int) -> int:
    """The weights as they lie in a CPU's memory to be read: a head that shares the table is packed beside it.

    bf16 is packed where it is computed in, and otherwise becomes what is.
    """
    if scheme == "bf16" and dtype_bytes * 8 != BITS["bf16"]:
        return dtype_bytes * sum(parameters(model, vocab_size).values())
    shared_table = parameters(model, vocab_size)["embedding"] if model.tie_embeddings else 0
    packed = stored_bytes(model, vocab_size, scheme) + table_bytes(shared_table, scheme)
    is_second = scheme != "bf16" and may_be_packed_twice(model, vocab_size)
    return packed + (second_packing_bytes(model, vocab_size) if is_second else 0)


def table_bytes(n_weights: int, scheme: Scheme) -> int:
    """So many weights of the embedding or the head."""
    return int(BITS[format_of("head.weight", (1, 1), scheme)] * n_weights / 8)


def second_packing_bytes(model: ModelConfig, vocab_size: int) -> int:
    """All matrices as int8 once more, which is how the other kernel reads either scheme."""
    return multiplied_parameters(model, vocab_size)


def may_be_packed_twice(model: ModelConfig, vocab_size: int) -> bool:
    """Whether this machine has memory for a kernel of its own for single rows."""
    return second_packing_bytes(model, vocab_size) * SHARE_FOR_SECOND_PACKING <= memory().total_bytes
