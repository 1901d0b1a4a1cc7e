from handspun.corpus.dedup import near_pairs, word_grams
from handspun.corpus.python_docs import PythonLibrary
from handspun.corpus.python_objects import PythonObject


def made(id: str, doc: str) -> PythonObject:
    return PythonObject(id, "m", id.removeprefix("m."), "function", "", doc)


def test_the_library_is_large_and_each_object_stands_once(library: PythonLibrary) -> None:
    ids = [item.id for item in library.objects]
    assert len(ids) == len(set(ids)) > 7000
    assert {"textwrap.dedent", "textwrap.TextWrapper", "textwrap", "math.sqrt", "len"} <= set(ids)
    assert sum(len(item.text) for item in library.objects) > 2_000_000


def test_siblings_of_a_module_stand_side_by_side(library: PythonLibrary) -> None:
    places = [place for place, item in enumerate(library.objects) if item.module == "textwrap"]
    assert places == list(range(places[0], places[0] + len(places)))


def test_objects_that_say_the_same_share_a_group() -> None:
    long = "one two three four five six seven eight nine ten eleven twelve"
    library = PythonLibrary(
        (
            made("m.z", "Close the file. Now."),
            made("m.a", "close  the FILE."),
            made("m.b", f"First here. {long}"),
            made("m.c", f"Second here. {long}"),
            made("m.d", "Something else."),
        )
    )
    groups = library.group_of
    assert groups["m.z"] == groups["m.a"] == "python:m.a"
    assert groups["m.b"] == groups["m.c"] == "python:m.b"
    assert groups["m.d"] == "python:m.d"


def test_no_near_copies_are_in_different_groups(library: PythonLibrary) -> None:
    objects = library.objects
    for first, second in near_pairs([word_grams(item.doc) for item in objects]):
        assert library.group_of[objects[first].id] == library.group_of[objects[second].id]


def test_every_document_names_its_module_kind_and_group(library: PythonLibrary) -> None:
    document = next(document for document in library.documents() if document.id == "textwrap.dedent")
    assert document.text.startswith("function textwrap.dedent(text)\nRemove any common leading whitespace")
    assert document.metadata["module"] == "textwrap"
    assert document.metadata["kind"] == "function"
    assert document.metadata["group"].startswith("python:")
