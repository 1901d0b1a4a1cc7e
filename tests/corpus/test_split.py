from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.corpus.split import is_held_out, stable_fraction


@given(st.lists(st.text(), unique=True), st.lists(st.text(), unique=True), st.floats(0, 1))
@settings(max_examples=50)
def test_adding_documents_never_moves_an_old_one(old: list[str], new: list[str], val_share: float) -> None:
    before = {text: is_held_out(text, val_share) for text in old}
    after = {text: is_held_out(text, val_share) for text in {*new, *old}}
    assert before.items() <= after.items()


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=50)
def test_a_larger_share_only_adds_to_the_held_out_side(text: str, one: float, other: float) -> None:
    assert is_held_out(text, min(one, other)) <= is_held_out(text, max(one, other))


def test_the_share_held_out_is_the_share_asked_for() -> None:
    n_held_out = sum(is_held_out(f"document {number}", 0.125) for number in range(8000))
    assert 900 < n_held_out < 1100


def test_the_fraction_is_the_same_on_every_machine() -> None:
    assert stable_fraction("textwrap.dedent") == 0.07901627237678753
