from handspun.corpus.facts import FACTS_PER_PASSAGE, Fact, nested_facts, reading_of_facts

GEOGRAPHY = {"Area ": {"total": "7 sq km", "land": 6}, "Climate": "mild"}
TREE = {"Geography": GEOGRAPHY, "motto": "none", "seen": None, "anthem": " "}


def test_the_leaves_of_nested_objects_are_facts_under_their_first_key() -> None:
    assert list(nested_facts("Utopia", TREE)) == [
        Fact("Utopia", "Area, total", "7 sq km", "Geography"),
        Fact("Utopia", "Area, land", "6", "Geography"),
        Fact("Utopia", "Climate", "mild", "Geography"),
        Fact("Utopia", "motto", "none"),
    ]


def test_a_passage_holds_a_few_facts_of_one_section_and_every_line_names_their_subject() -> None:
    facts = [Fact("Utopia", f"field {number}", f"value {number}", "One") for number in range(FACTS_PER_PASSAGE + 1)]
    reading = reading_of_facts([*facts, Fact("Utopia", "other", "x", "Two"), Fact("Erewhon", "other", "y")])
    assert [len(passage.text.splitlines()) for passage in reading.passages] == [2, 2, 1, 1]
    assert [passage.group for passage in reading.passages] == ["Utopia", "Utopia", "Utopia", "Erewhon"]
    for passage in reading.passages:
        assert all(f" of {passage.group}: " in line for line in passage.text.splitlines())


def test_every_fact_is_asked_for_and_answered_by_its_passage() -> None:
    reading = reading_of_facts(nested_facts("Utopia", TREE))
    assert [ask.answer for ask in reading.asks] == ["7 sq km", "6", "mild", "none"]
    for ask in reading.asks:
        assert f" {ask.kind} of Utopia: {ask.answer}" in ask.passage.text
        assert all(f" {ask.kind} of Utopia" in phrasing for phrasing in ask.phrasings)


def test_a_fact_that_is_told_twice_is_asked_once_as_it_was_first_told() -> None:
    reading = reading_of_facts([Fact("Utopia", "motto", "first"), Fact("Utopia", "motto", "second")])
    assert [ask.answer for ask in reading.asks] == ["first"]
    assert reading.passages[0].text == "The motto of Utopia: first"
