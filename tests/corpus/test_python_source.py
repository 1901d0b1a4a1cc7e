from pathlib import Path

import pytest

from handspun.corpus.python_source import library_files, read_module

SOURCE = '''"""A module about knots."""

# These knots hold under load.
# They are tied in the order in which
# sailors learn them.

def tie(rope, /, *, turns=2):
    """Tie a rope.

    More.
    """
    def inner():
        """Nobody asks about this."""

def untie(rope): pass

class Knot:
    """What holds."""
    def __init__(self, rope: str = "a, b"):
        """Start a knot."""
    @property
    def size(self):
        """How big it is."""
    @staticmethod
    def names():
        """All the names."""
    @classmethod
    def of(cls, *ropes):
        """A knot of many."""

try:
    from fast import cut
except ImportError:
    async def cut(rope):
        """Cut it."""
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "knots.py"
    path.write_text(SOURCE)
    return path


def test_what_a_module_documents_is_found_in_source_order(module: Path) -> None:
    assert [(item.heading, item.kind) for item in read_module("knots", module)] == [
        ("module knots", "module"),
        ("comment knots#3", "comment"),
        ("function knots.tie(rope, /, *, turns=2)", "function"),
        ("class knots.Knot(rope: str='a, b')", "class"),
        ("method knots.Knot.__init__(rope: str='a, b')", "method"),
        ("property knots.Knot.size", "property"),
        ("method knots.Knot.names()", "method"),
        ("method knots.Knot.of(*ropes)", "method"),
        ("function knots.cut(rope)", "function"),
    ]


def test_docstrings_lose_their_indentation(module: Path) -> None:
    assert {item.id: item.doc for item in read_module("knots", module)}["knots.tie"] == "Tie a rope.\n\nMore."


def test_nothing_is_run(tmp_path: Path) -> None:
    path = tmp_path / "trap.py"
    path.write_text('"""A trap."""\nraise SystemExit("imported")\n')
    assert [item.id for item in read_module("trap", path)] == ["trap"]


@pytest.mark.parametrize("content", [b"def broken(:", b'"""\xff"""', b"x = '\x00'"])
def test_a_file_that_does_not_parse_documents_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.py"
    path.write_bytes(content)
    assert read_module("broken", path) == []


def test_a_docstring_with_a_lone_surrogate_can_still_be_written(tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    path.write_text(r'"""Odd \udc80 text \d."""')
    assert [item.doc.encode() for item in read_module("odd", path)] == [rb"Odd  text \d."]


def test_modules_are_named_and_tests_are_skipped(tmp_path: Path) -> None:
    for name in ("b.py", "a/__init__.py", "a/part.py", "a/test/t.py", "site-packages/x.py", "a/bad-name.py", "a/data.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [module for module, _ in library_files(tmp_path)] == ["a", "a.part", "b"]


def test_the_running_library_is_found() -> None:
    modules = dict(library_files())
    assert {"textwrap", "email", "email.message"} <= modules.keys()
    assert not any(module.startswith(("test.", "idlelib")) for module in modules)
