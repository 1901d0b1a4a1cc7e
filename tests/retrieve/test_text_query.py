"""Any question becomes words to look for, and nothing that SQLite would take as an operator."""

from handspun.retrieve.text_query import MAX_WORDS, any_of, pairs_of, telling, words_of


def test_words_that_say_something_are_quoted_and_any_of_them_will_do() -> None:
    assert any_of(words_of("How does the fox hunt?")) == '"fox" OR "hunt"'


def test_operators_are_words_like_others() -> None:
    assert words_of('fox* NEAR("hare", 2) ^x:y_z') == ["fox", "NEAR", "hare", "2", "x", "y", "z"]


def test_a_word_that_is_said_twice_counts_twice() -> None:
    assert words_of("fox, fox and hare") == ["fox", "fox", "hare"]


def test_pairs_bridge_stop_words_and_count_once() -> None:
    assert pairs_of("wings of the fox, wings of a Fox") == ["wings fox", "fox wings"]
    assert pairs_of("fox") == []


def test_stop_words_alone_ask_for_nothing_but_a_name_in_capitals_is_a_word() -> None:
    assert words_of("who is it") == words_of(" ?! ") == []
    assert words_of("who is the WHO") == ["WHO"]
    assert telling("I read what the WHO said in IT") == "read WHO said IT"


def test_each_character_of_a_script_without_spaces_is_a_word() -> None:
    assert words_of("東京タワー 333m") == ["東", "京", "タ", "ワ", "ー", "333m"]


def test_no_more_words_are_looked_for_than_may_be() -> None:
    assert words_of("fox " * 1000) == ["fox"] * MAX_WORDS
