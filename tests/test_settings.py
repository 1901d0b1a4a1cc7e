"""One grammar for file and command line, strict types, and sentences that name the key, the value and the remedy."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.errors import SettingsError
from handspun.settings import MAX_TOML_BYTES, apply_overrides, build, parse_override, read_toml, to_toml

Position = Literal["rope", "alibi", "nope"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    d_model: int = 64
    n_heads: int = 4
    position: Position | tuple[Position, ...] = "rope"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model={self.d_model} is not divisible by n_heads={self.n_heads}: choose a multiple of it")


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    lr: float
    betas: tuple[float, float] = (0.9, 0.95)
    grad_clip: float | None = None
    is_compiled: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Small:
    name: str
    sources: tuple[str, ...] = ("python",)
    model: Shape = Shape()
    train: Training
    tune: Training | None = None


TREE = {"name": "tiny", "train": {"lr": 0.001}}


def refusal(*overrides: str) -> str:
    """The sentence with which these overrides of TREE are refused."""
    with pytest.raises(SettingsError) as refused:
        build(Small, apply_overrides(TREE, overrides))
    return str(refused.value)


def test_an_override_says_the_same_as_the_line_in_the_file(tmp_path: Path) -> None:
    lines = ["lr = 1e-3", "betas = [0.8, 0.9]", "is_compiled = true", "grad_clip = 65_536"]
    path = tmp_path / "recipe.toml"
    path.write_text('name = "tiny"\n[train]\n' + "\n".join(lines))
    overridden = apply_overrides({"name": "tiny"}, [f"train.{line.replace(' = ', '=')}" for line in lines])
    assert overridden == read_toml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("65_536", 65_536),
        ("true", True),
        ('["alibi", "nope"]', ["alibi", "nope"]),
        ("gpt-2", "gpt-2"),
        ("~/notes/a file.md", "~/notes/a file.md"),
        ('""', ""),
        ("[]", []),
        ("-2", -2),
    ],
)
def test_a_value_is_toml_and_a_bare_word_is_a_string(text: str, value: object) -> None:
    assert parse_override(f"a.b={text}") == ("a.b", value)


@pytest.mark.parametrize("override", ["train.lr", "=3", "a b=3", "a..b=3", "a=", "a=[1, 2", 'a="x', "a=1, 2", "a=1]\nb=[2"])
def test_what_is_not_an_override_is_refused(override: str) -> None:
    with pytest.raises(SettingsError):
        parse_override(override)


def test_a_comment_cannot_hide_behind_a_value() -> None:
    assert "train.lr" in refusal("train.lr=1 # fast")


def test_overrides_leave_the_tree_they_came_from_alone() -> None:
    changed = apply_overrides(TREE, ["train.lr=2.0", "model.d_model=8"])
    assert changed == {"name": "tiny", "train": {"lr": 2.0}, "model": {"d_model": 8}}
    assert TREE == {"name": "tiny", "train": {"lr": 0.001}}


def test_an_unknown_key_is_named_with_its_value_and_its_namesake_in_another_room() -> None:
    assert refusal("train.d_model=256") == "train.d_model=256 is no key of a recipe; did you mean model.d_model?"


@pytest.mark.parametrize(
    ("override", "near"), [("train.lrr=1", "train.lr"), ("modle.d_modl=1", "model.d_model"), ("dropout=1", "model.dropout")]
)
def test_a_misspelt_key_is_answered_with_the_nearest_one(override: str, near: str) -> None:
    assert refusal(override).endswith(f"did you mean {near}?")


def test_a_key_like_no_other_gets_no_guess() -> None:
    assert "did you mean" not in refusal("zebra=1")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.d_model=3.5", "model.d_model=3.5 should be int."),
        ("model.d_model=true", "model.d_model=true should be int."),
        ("train.lr=fast", 'train.lr="fast" should be float.'),
        ("train.is_compiled=1", "train.is_compiled=1 should be true | false."),
        ("train.betas=[0.9]", "train.betas=[0.9] should be [float, float]."),
        ("sources=python", 'sources="python" should be list of str.'),
        ("train.grad_clip=nan", "train.grad_clip=nan is not a finite number; give one."),
        ("model=3", "model=3 should be a table; write [model] and then its keys, such as d_model, n_heads, position, dropout."),
        ("name.x=3", 'name.x=3 cannot be set: name="tiny" is no table; drop one of them.'),
    ],
)
def test_a_wrong_type_is_named_with_its_value_and_what_was_expected(override: str, expected: str) -> None:
    assert refusal(override) == expected


def test_a_wrong_choice_is_answered_with_the_choices_and_the_nearest_one() -> None:
    assert refusal("model.position=rop").endswith(
        'should be "rope" | "alibi" | "nope" | list of "rope" | "alibi" | "nope"; did you mean "rope"?'
    )


def test_an_int_is_accepted_where_a_float_is_expected() -> None:
    assert build(Small, apply_overrides(TREE, ["train.lr=1"])).train.lr == 1.0


def test_an_impossible_value_is_refused_under_its_dotted_key() -> None:
    assert refusal("model.d_model=66") == "model.d_model=66 is not divisible by n_heads=4: choose a multiple of it."


def test_a_missing_key_is_named_even_where_its_whole_table_is_missing() -> None:
    with pytest.raises(SettingsError, match=r"^recipe\.toml: train\.lr is missing; set it \(float\)\.$"):
        build(Small, {"name": "tiny"}, where="recipe.toml")


def test_an_optional_table_is_off_when_absent_and_on_when_named() -> None:
    assert build(Small, TREE).tune is None
    assert build(Small, {**TREE, "tune": {"lr": 1.0}}).tune == Training(lr=1.0)


def test_a_line_that_is_not_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('name = "tiny"\n[train]\nlr = fast\n')
    with pytest.raises(SettingsError, match=r"recipe\.toml:3: "):
        read_toml(path)


def test_a_byte_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(b'name = "tiny"\n# caf\xe9\n')
    with pytest.raises(SettingsError, match=r"recipe\.toml:2: byte 19 is not UTF-8"):
        read_toml(path)


@pytest.mark.parametrize("content", ["x = " + "[" * 20_000, "#" * (MAX_TOML_BYTES + 1)])
def test_a_file_that_is_too_deep_or_too_large_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"recipe\.toml"):
        read_toml(path)


def test_a_folder_or_nothing_is_no_recipe(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(SettingsError, match="is not a file"):
            read_toml(path)


finite = st.floats(allow_nan=False, allow_infinity=False)
trainings = st.builds(
    Training, lr=finite, betas=st.tuples(finite, finite), grad_clip=st.none() | finite, is_compiled=st.booleans()
)
positions = st.sampled_from(["rope", "alibi", "nope"])
shapes = st.builds(
    lambda n_heads, head_dim, **rest: Shape(n_heads=n_heads, d_model=n_heads * head_dim, **rest),
    n_heads=st.integers(1, 64),
    head_dim=st.integers(1, 256),
    position=positions | st.lists(positions).map(tuple),
    dropout=finite,
)
recipes = st.builds(
    Small, name=st.text(), sources=st.lists(st.text()).map(tuple), model=shapes, train=trainings, tune=st.none() | trainings
)


@given(recipes)
@settings(max_examples=60)
def test_settings_survive_the_way_through_toml(recipe: Small) -> None:
    assert build(Small, tomllib.loads(to_toml(recipe))) == recipe


@given(st.text())
@settings(max_examples=100)
def test_any_text_is_an_override_or_a_sentence(text: str) -> None:
    try:
        key, value = parse_override(text)
    except SettingsError as error:
        assert str(error).count("\n") == 0
    else:
        assert key and value is not None
