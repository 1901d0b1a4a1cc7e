"""Words lose their endings exactly as SQLite's full-text search takes them off."""

import sqlite3
from contextlib import closing

from handspun.retrieve.stem import stem

ROOTS = "run hop fil tann agre rel condition plas cit form general adop probat contr ski sky ceas oscill vi bb ll"
ENDINGS = "s es ed ing ly ness ful ation ations ization izer ic ical icate ative alize ousness ible ement ment ion ies y"


def test_the_stems_are_those_of_fts5() -> None:
    words = [root + ending for root in ROOTS.split() for ending in ENDINGS.split()]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize='porter unicode61')")
        connection.execute("CREATE VIRTUAL TABLE stems USING fts5vocab (texts, instance)")
        connection.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", enumerate(words))
        theirs = {words[row]: found for found, row in connection.execute("SELECT term, doc FROM stems")}
    assert {word: stem(word) for word in words} == theirs


def test_short_and_foreign_words_stay_as_they_are() -> None:
    assert [stem(word) for word in ("is", "a", "großes", "2023")] == ["is", "a", "großes", "2023"]
