"""Short facts in XML: a title, an author, a language."""

from handspun.retrieve.loading.archive import Attributes


class FactReader:
    """Reads elements that hold a line of text each, the first of every name."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._name = ""

    def start(self, tag: str, _attributes: Attributes) -> None:
        """An element begins."""
        self._name = "" if tag in self.found else tag

    def text(self, words: str) -> None:
        """Characters between two tags."""
        if self._name:
            self.found[self._name] = self.found.get(self._name, "") + words

    def end(self, _tag: str) -> None:
        """An element ends."""
        self._name = ""
