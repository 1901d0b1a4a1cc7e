"""Settings of generation that cannot be are refused by name."""

import pytest

from handspun.generate.config import GenerateConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_new_tokens": 0},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"min_p": -0.1},
        {"repetition_penalty": 0.0},
        {"repetition_window": 0},
        {"stop": ("",)},
    ],
)
def test_an_impossible_value_is_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GenerateConfig(**wrong)


def test_possible_values_are_kept() -> None:
    config = GenerateConfig(temperature=0.8, top_k=40, top_p=1.0, min_p=0.05, stop=("\n",))
    assert (config.temperature, config.top_k, config.top_p, config.min_p, config.stop) == (0.8, 40, 1.0, 0.05, ("\n",))
