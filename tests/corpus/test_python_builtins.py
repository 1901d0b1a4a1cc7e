from handspun.corpus.python_builtins import builtin_objects


def test_c_functions_classes_and_methods_are_read_under_their_public_names() -> None:
    found = {item.id: item for item in builtin_objects()}
    assert found["len"].heading == "function len(obj, /)"
    assert found["len"].module == "builtins"
    assert found["math.sqrt"].arguments == "x, /"
    assert found["str.upper"].kind == "method"
    assert found["os.getcwd"].module == "os"
    assert "collections.deque.append" in found


def test_a_signature_that_opens_the_docstring_is_taken_off_it() -> None:
    found = {item.id: item for item in builtin_objects()}
    assert found["range"].doc.startswith("Return an object that produces")
    assert found["range"].arguments == "stop"


def test_a_first_line_that_also_explains_stays() -> None:
    found = {item.id: item for item in builtin_objects()}
    assert "remove specified key" in found["dict.pop"].doc


def test_no_object_is_private_or_without_text() -> None:
    for item in builtin_objects():
        assert item.doc.strip()
        assert not item.name.rpartition(".")[2].startswith("_")
        assert "$" not in (item.arguments or "")
