"""What the verb is told, and which format each weight gets."""

import pytest

from handspun.errors import SettingsError
from handspun.quantize.config import LIMITS, QuantizeConfig, Scheme, format_of
from handspun.settings import apply_overrides, build


def test_overrides_are_read() -> None:
    config = build(QuantizeConfig, apply_overrides({}, ["scheme=int4", "max_kl=0.2"]))
    assert (config.scheme, config.limit) == ("int4", 0.2)
    assert QuantizeConfig(scheme="int8").limit == LIMITS["int8"]


@pytest.mark.parametrize(
    ("override", "complaint"),
    [("scheme=int3", "int3"), ("max_tokens=1", "choose at least 2"), ("max_kl=0", "above 0"), ("shceme=int8", "scheme")],
)
def test_what_cannot_be_is_refused(override: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        build(QuantizeConfig, apply_overrides({}, [override]))


@pytest.mark.parametrize(
    ("name", "shape", "scheme", "format"),
    [
        ("blocks.0.feed_forward.down.weight", (32, 64), "int8", "int8"),
        ("blocks.0.feed_forward.down.weight", (32, 64), "int4", "int4"),
        ("blocks.0.feed_forward.down.weight", (32, 60), "int4", "int8"),
        ("blocks.0.feed_forward.down.weight", (40, 64), "int4", "int8"),
        ("blocks.0.attention.out.bias", (32,), "int8", "fp32"),
        ("blocks.0.attention_norm.weight", (32,), "int4", "fp32"),
        ("embedding.weight", (320, 32), "int4", "int8"),
        ("head.weight", (320, 32), "bf16", "bf16"),
        ("positions.weight", (64, 32), "int8", "fp32"),
        ("copy_head.query.weight", (8, 32), "int8", "fp32"),
    ],
)
def test_matrices_become_small_and_the_rest_stays(name: str, shape: tuple[int, ...], scheme: Scheme, format: str) -> None:
    assert format_of(name, shape, scheme) == format
