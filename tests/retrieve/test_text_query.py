"""Any question becomes words to look for, and nothing that SQLite would take as an operator."""

from handspun.retrieve.text_query import MAX_WORDS, any_pair, any_word, telling


def test_words_that_say_something_are_quoted_and_any_of_them_will_do() -> None:
    assert any_word("How does the fox hunt?") == '"fox" OR "hunt"'


def test_operators_are_words_like_others() -> None:
    assert any_word('fox* NEAR("hare", 2) ^x:y_z') == '"fox" OR "NEAR" OR "hare" OR "2" OR "x" OR "y" OR "z"'


def test_a_word_that_is_said_twice_counts_twice() -> None:
    assert any_word("fox, fox and hare") == '"fox" OR "fox" OR "hare"'


def test_pairs_bridge_stop_words_and_count_once() -> None:
    assert any_pair("wings of the fox, wings of a Fox") == '"wings fox" OR "fox wings"'
    assert any_pair("fox") == ""


def test_stop_words_alone_ask_for_nothing_but_a_name_in_capitals_is_a_word() -> None:
    assert any_word("who is it") == any_word(" ?! ") == ""
    assert any_word("who is the WHO") == '"WHO"'
    assert telling("I read what the WHO said in IT") == "read WHO said IT"


def test_each_character_of_a_script_without_spaces_is_a_word() -> None:
    assert any_word("東京タワー 333m") == '"東" OR "京" OR "タ" OR "ワ" OR "ー" OR "333m"'


def test_no_more_words_are_looked_for_than_may_be() -> None:
    assert any_word("fox " * 1000).count('"fox"') == MAX_WORDS
