"""Any question becomes words to look for, and nothing that SQLite would take as an operator."""

from handspun.retrieve.text_query import MAX_WORDS, match_expression


def test_words_that_say_something_are_quoted_and_any_of_them_will_do() -> None:
    assert match_expression("How does the Fox hunt?") == '"fox" OR "hunt"'


def test_operators_are_words_like_others() -> None:
    assert match_expression('fox* NEAR("hare", 2) ^x:y') == '"fox" OR "near" OR "hare" OR "2" OR "x" OR "y"'


def test_a_word_that_is_said_twice_counts_twice() -> None:
    assert match_expression("fox, fox and hare") == '"fox" OR "fox" OR "hare"'


def test_a_question_of_stop_words_alone_is_asked_as_it_is() -> None:
    assert match_expression("who is it") == '"who" OR "is" OR "it"'
    assert match_expression(" ?! ") == ""


def test_no_more_words_are_looked_for_than_may_be() -> None:
    assert match_expression("fox " * 1000).count('"fox"') == MAX_WORDS
