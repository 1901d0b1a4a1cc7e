"""How much room weights take under a scheme, by arithmetic alone."""

from handspun.model.config import ModelConfig
from handspun.model.cost import parameters
from handspun.quantize.config import BITS, Scheme, format_of


def stored_bytes(model: ModelConfig, vocab_size: int, scheme: Scheme) -> int:
    """The weights as a scheme stores them."""
    parts = parameters(model, vocab_size)
    tables = parts["embedding"] + parts["head"]
    table_bits = BITS[format_of("head.weight", (1, 1), scheme)]
    return int((table_bits * tables + BITS[scheme] * (sum(parts.values()) - tables)) / 8)
