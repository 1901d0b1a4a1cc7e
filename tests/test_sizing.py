"""More time, more text and a faster machine never give a smaller model; and what is promised fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handspun.errors import SettingsError
from handspun.model.cost import parameters
from handspun.planner.devices import GIB, Devices
from handspun.planner.plan import make_plan
from handspun.planner.rate import MeasuredRate, Speed
from handspun.planner.text import PYTHON_BYTES
from handspun.recipe import Recipe
from handspun.sizing import (
    LADDER,
    MOST_READINGS,
    SMALLEST_VOCABULARY,
    Corpus,
    expected_minutes,
    is_limited_by_text,
    minutes_given,
    size_of,
    sized_recipe,
)

SPEEDS = [Speed(6e6, 60e9), Speed(4e7, 120e9), Speed(2e8, 180e9)]
PYTHON, BOOKS = Corpus(("python",), PYTHON_BYTES), Corpus(("books",), 100_000_000)


def machine(gib: float) -> Devices:
    """A processor with so much free memory."""
    sizes = {"free_bytes": int(gib * GIB), "runtime_bytes": 350 << 20}
    return Devices(kind="cpu", name="processor", computes_bfloat16=True, rate=MeasuredRate(tuple(SPEEDS)), **sizes)


MEMORY = machine(16)


def n_params(recipe: Recipe) -> int:
    """How large a recipe's model is."""
    return sum(parameters(recipe.model, recipe.tokens.vocab_size).values())


@given(st.floats(10, 60 * 24 * 30), st.integers(10_000, 100_000_000), st.floats(0.2, 1000))
def test_a_recipe_takes_no_more_than_its_time_and_is_portable(minutes: float, n_bytes: int, factor: float) -> None:
    corpus = Corpus(("texts",), n_bytes)
    speeds = [Speed(speed.flops_per_token, factor * speed.flops_per_s) for speed in SPEEDS]
    recipe = sized_recipe("mine", minutes, corpus, speeds, MEMORY)
    assert expected_minutes(recipe, corpus, speeds) <= 1.1 * minutes
    assert recipe.model.portable_as == "Qwen3ForCausalLM"
    assert recipe.train.train_tokens == recipe.train.steps * recipe.train.batch_tokens


@given(st.floats(10, 5_000), st.floats(1, 20))
def test_more_time_gives_no_smaller_model(minutes: float, factor: float) -> None:
    less, more = (sized_recipe("mine", time, BOOKS, SPEEDS, MEMORY) for time in (minutes, factor * minutes))
    assert n_params(less) <= n_params(more)


def test_the_time_is_used_where_there_is_text() -> None:
    for minutes in (10, 60, 600):
        recipe = sized_recipe("mine", minutes, BOOKS, SPEEDS, MEMORY)
        assert 0.9 * minutes < expected_minutes(recipe, BOOKS, SPEEDS) < 1.05 * minutes


def test_little_text_gives_a_small_model_however_long_it_may_take() -> None:
    little = Corpus(("notes.txt",), 50_000)
    recipe = sized_recipe("mine", 10_000, little, SPEEDS, MEMORY)
    assert recipe.model.d_model == LADDER[0][0]
    assert recipe.tokens.vocab_size == SMALLEST_VOCABULARY
    assert recipe.train.train_tokens <= 1.1 * MOST_READINGS * little.n_tokens
    assert recipe.corpus.val_share == 0.2


def test_large_models_are_read_twenty_tokens_per_parameter() -> None:
    fast = [Speed(speed.flops_per_token, 300 * speed.flops_per_s) for speed in SPEEDS]
    recipe = sized_recipe("mine", 2_000, Corpus(("web",), 8_000_000_000), fast, machine(1024))
    assert n_params(recipe) > 50_000_000
    assert recipe.train.train_tokens >= 19.9 * n_params(recipe)


def test_python_s_documentation_comes_with_conversations_and_tuning() -> None:
    recipe = sized_recipe("mine", 30, PYTHON, SPEEDS, MEMORY)
    assert recipe.corpus.conversations == ("python", "manners")
    assert recipe.tune is not None and 0.1 < recipe.tune.train_tokens / recipe.train.train_tokens < 0.2
    assert 1_000_000 < n_params(recipe) < 3_000_000


def test_what_is_planned_fits_into_the_memory() -> None:
    roomy, tight = (sized_recipe("mine", 600, BOOKS, SPEEDS, machine(gib)) for gib in (16, 0.75))
    assert tight.train.micro_batch < roomy.train.micro_batch
    for recipe, gib in ((roomy, 16), (tight, 0.75)):
        assert make_plan(recipe, machine(gib)).fits


def test_a_text_that_takes_half_the_time_to_prepare_is_refused_with_the_time_it_needs() -> None:
    with pytest.raises(SettingsError, match=r"--minutes 10 is too short for 5,000.0 MB of text.* give --minutes 87 or more"):
        sized_recipe("mine", 10, Corpus(("web",), 5_000_000_000), SPEEDS, MEMORY)


@given(st.sampled_from(LADDER), st.integers(0, 10**11))
def test_a_vocabulary_is_one_that_a_tokenizer_can_have(shape: tuple[int, int, int], n_bytes: int) -> None:
    vocab_size = size_of(shape, n_bytes).vocab_size
    assert vocab_size == SMALLEST_VOCABULARY or (512 <= vocab_size <= 32_768 and vocab_size & (vocab_size - 1) == 0)


@pytest.mark.parametrize(("minutes", "hours", "given"), [(30, None, 30), (None, 2, 120), (1, None, 1)])
def test_the_time_is_given_in_minutes_or_hours(minutes: float | None, hours: float | None, given: float) -> None:
    assert minutes_given(minutes, hours) == given


@pytest.mark.parametrize(("minutes", "hours"), [(None, None), (1, 1), (0, None), (-5, None), (None, 1e9), (float("nan"), None)])
def test_a_time_that_cannot_be_is_refused(minutes: float | None, hours: float | None) -> None:
    with pytest.raises(SettingsError, match=r"minutes|hours"):
        minutes_given(minutes, hours)


def test_a_shape_that_more_text_would_enlarge_is_known_to_be_limited_by_it() -> None:
    for corpus, is_limited in ((Corpus(("a.txt",), 200_000), True), (Corpus(("books",), 10**9), False)):
        recipe = sized_recipe("mine", 120, corpus, SPEEDS, MEMORY)
        assert is_limited_by_text(recipe, 120, corpus, SPEEDS, MEMORY) is is_limited
