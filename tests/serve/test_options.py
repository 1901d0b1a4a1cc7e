"""Options of a request become the settings of the engine."""

import pytest
from pydantic import ValidationError

from handspun.generate.config import GenerateConfig
from handspun.serve.options import Options, joined, sampling

OWN = GenerateConfig(max_new_tokens=50, temperature=0.7, top_k=30, repetition_penalty=1.1, stop=("###",))


def changed(**options: object) -> GenerateConfig:
    """The settings of a model with OWN settings and room for 100 tokens, where a request says this."""
    return sampling(Options(seed=3, **options), OWN, room=100)


def test_what_a_request_does_not_say_is_as_the_recipe_says() -> None:
    assert changed() == GenerateConfig(
        max_new_tokens=50, temperature=0.7, top_k=30, repetition_penalty=1.1, stop=("###",), seed=3
    )


@pytest.mark.parametrize(
    ("said", "name", "expected"),
    [
        ({"temperature": 0}, "temperature", None),
        ({"temperature": 1e-300}, "temperature", None),
        ({"temperature": 1}, "temperature", 1),
        ({"top_k": 0}, "top_k", None),
        ({"top_k": -1}, "top_k", None),
        ({"top_k": 5}, "top_k", 5),
        ({"top_p": 0.5}, "top_p", 0.5),
        ({"min_p": 0}, "min_p", None),
        ({"min_p": 0.2}, "min_p", 0.2),
        ({"repeat_penalty": 1.5}, "repetition_penalty", 1.5),
        ({"repeat_penalty": 1.5, "repeat_last_n": 0}, "repetition_penalty", 1.0),
        ({"repeat_last_n": 64}, "repetition_window", 64),
        ({"repeat_last_n": -1}, "repetition_window", None),
        ({"stop": "."}, "stop", (".",)),
        ({"stop": [".", "!"]}, "stop", (".", "!")),
        ({"stop": []}, "stop", ()),
        ({"num_predict": 7}, "max_new_tokens", 7),
        ({"num_predict": 700}, "max_new_tokens", 100),
        ({"num_predict": -1}, "max_new_tokens", 100),
        ({"num_predict": -2}, "max_new_tokens", 100),
        ({"num_predict": 3.0}, "max_new_tokens", 3),
    ],
)
def test_what_a_request_says_counts(said: dict, name: str, expected: object) -> None:
    assert getattr(changed(**said), name) == expected


def test_a_top_p_of_nothing_leaves_the_likeliest_token() -> None:
    assert 0 < (changed(top_p=0).top_p or 0) < 1e-3


def test_a_seed_is_drawn_anew_where_none_is_given() -> None:
    assert len({sampling(options, OWN, 10).seed for options in [Options(), Options(seed=-1)] * 3}) == 6
    assert sampling(Options(seed=0), OWN, 10).seed == 0
    assert sampling(Options(seed=2**63 + 5), OWN, 10).seed == 5


def test_what_a_request_says_comes_before_what_the_model_was_created_with() -> None:
    created_with = {"temperature": 0.1, "stop": ["x"]}
    options = joined(created_with, Options(temperature=0.9, top_k=None))
    assert (options.temperature, options.stop, options.top_k) == (0.9, ["x"], None)
    assert joined(created_with, None).temperature == 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": "hot"},
        {"temperature": True},
        {"num_predict": 0},
        {"num_ctx": 1},
        {"top_p": 1.1},
        {"stop": ""},
        {"stop": ["."] * 17},
        {"mirostat": 2},
        {"presence_penalty": 0.5},
        {"num_predikt": 3},
        {"top_k": 2.5},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Options(**wrong)


def test_what_only_other_engines_need_is_taken_and_changes_nothing() -> None:
    assert changed(num_gpu=99, num_thread=8, f16_kv=True, num_keep=5, mirostat=0, typical_p=1.0) == changed()
