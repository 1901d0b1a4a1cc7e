"""A question that cannot be understood alone is looked up with the one before."""

import pytest

from handspun.corpus.document import Message
from handspun.retrieve.follow_up import is_about_the_model, search_query

HISTORY = [Message("user", "What is Spain?"), Message("assistant", "A country."), Message("passage", "Rome.")]


@pytest.mark.parametrize("question", ["And its capital?", "Why?", "Who rules it?", "What does that mean?"])
def test_what_points_back_is_looked_up_with_the_users_last_question(question: str) -> None:
    assert search_query(question, HISTORY) == f"What is Spain?\n{question}"


@pytest.mark.parametrize("question", ["What is the capital of Peru?", "Madrid?"])
def test_what_stands_for_itself_is_looked_up_alone(question: str) -> None:
    assert search_query(question, HISTORY) == question


def test_a_third_turn_goes_back_to_the_question_that_stands_for_itself() -> None:
    history = [Message("user", "Who was Ovid?"), *HISTORY, Message("user", "And its capital?"), Message("assistant", "Madrid.")]
    assert search_query("How large is it?", history) == "What is Spain?\nAnd its capital?\nHow large is it?"
    assert search_query("Why?", [Message("user", "And that?")]) == "And that?\nWhy?"


def test_without_a_question_before_there_is_nothing_to_add() -> None:
    assert search_query("Why?", []) == "Why?"
    assert search_query("Why?", [Message("system", "Be brief.")]) == "Why?"


def test_what_is_asked_of_the_model_itself_is_told_from_what_can_be_looked_up() -> None:
    assert is_about_the_model("Who are you?")
    assert not any(map(is_about_the_model, ("What can you tell me about Spain?", "Why?", "Who is it?", "Madrid?")))
