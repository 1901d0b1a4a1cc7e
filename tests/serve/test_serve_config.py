"""What a server cannot grant is refused by name."""

import pytest

from handspun.serve.config import ServeConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 65_536},
        {"port": -1},
        {"max_rows": 0},
        {"num_ctx": 1},
        {"queue": 0},
        {"max_models": 65},
        {"keep_alive_s": -1.0},
        {"drain_s": float("nan")},
        {"max_body_mib": 0.0},
        {"max_connections": 0},
        {"idle_s": 0.0},
        {"hosts": ("http://chat.example",)},
        {"hosts": ("*.example",)},
        {"hosts": ("",)},
    ],
)
def test_an_impossible_value_is_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ServeConfig(**wrong)


def test_possible_values_are_kept() -> None:
    config = ServeConfig(port=0, hosts=("chat.example",), num_ctx=2048, keep_alive_s=0.0, max_body_mib=0.5)
    assert (config.port, config.hosts, config.num_ctx, config.keep_alive_s) == (0, ("chat.example",), 2048, 0.0)
