from handspun.stages.finding import find_among


def test_passages_are_found_by_their_words() -> None:
    find = find_among(["The cat sat on the mat.", "Dogs bark at the moon.", "The cat sees a dog bark."])
    assert find("Where did the cat sit on a mat?", 2) == [0, 2]
    assert find("Why do dogs bark?", 1)[0] in (1, 2)
    assert find("zebra", 3) == []
