"""A data set of the Hugging Face hub as a stream of rows that can be gone on with, read by the library `datasets`.

Nothing of a data set is run: `datasets` has no loading scripts any more, and of its formats only those are opened whose rows
are plain data.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging import CRITICAL
from typing import Any

from handspun.corpus.extra import needed
from handspun.corpus.hub_name import HubName
from handspun.errors import CorpusError

FORMATS = ("parquet", "json", "csv", "text", "arrow")
NAMES = ("id", "url", "path")
"""Columns that name a row, the best first."""
GO_ON = "see to the network and run the same command again, which goes on from there, or name a folder of texts instead."


class HubStream:
    """The rows of a data set in their order: {"text", "id"}. `state` says where to go on, as JSON.

    `is_another` says that the data set has changed since, and that the stream is at its beginning.
    """

    def __init__(self, name: str, state: Mapping[str, Any] | None = None) -> None:
        """Open the stream, at the place that `state` says. Raises CorpusError where it cannot be."""
        self.name, self.hub = name, HubName.parse(name)
        self._datasets = needed("datasets", name, extra="hub")
        with self._told():
            self._dataset = self._opened()
        self.is_another = state is not None and state["n_files"] != self._dataset.num_shards
        if state is not None and not self.is_another:
            self._dataset.load_state_dict(dict(state["place"]))

    @property
    def state(self) -> dict[str, Any]:
        """Where the next row lies, and in how many files: with another number of files it is another data set."""
        return {"n_files": self._dataset.num_shards, "place": self._dataset.state_dict()}

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows that are left. Raises CorpusError where the stream breaks off, or has no such column."""
        with self._told(is_open=True):
            for row in self._dataset:
                yield self._record(row)

    def _opened(self) -> Any:
        for library in (self._datasets, needed("huggingface_hub", self.name, extra="hub")):
            library.logging.set_verbosity(CRITICAL)
        self._datasets.disable_progress_bars()
        hub = self.hub
        builder = self._datasets.load_dataset_builder(hub.repository, hub.config, revision=hub.revision)
        if builder.name not in FORMATS:
            raise CorpusError(
                f'"{self.name}" holds {builder.name} files; only {", ".join(FORMATS)} are read: name another data set.'
            )
        return builder.as_streaming_dataset(split=hub.split)

    def _record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if self.hub.text not in row:
            columns = ", ".join(row)
            raise CorpusError(
                f'"{self.name}" has no column "{self.hub.text}", its columns are {columns}: add ?text=COLUMN to its name.'
            )
        text = row[self.hub.text]
        if isinstance(text, list):
            raise CorpusError(
                f'"{self.name}" holds lists in its column "{self.hub.text}", tokens perhaps, and no text: name a data set of '
                f'text (for ClimbMix that is "hub:karpathy/climbmix-400b-shuffle").'
            )
        names = [str(row[column]) for column in NAMES if row.get(column)]
        return {"text": text if isinstance(text, str) else None, **({"id": names[0]} if names else {})}

    @contextmanager
    def _told(self, *, is_open: bool = False) -> Iterator[None]:
        """What can go wrong between here and the hub, as one sentence with its remedy: the name, or the way there."""
        errors = self._datasets.exceptions
        try:
            yield
        except errors.DatasetNotFoundError as error:
            raise CorpusError(
                f'"{self.name}" is not on the hub, or not for everybody: correct its name, or log in with `hf auth login`.'
            ) from error
        except self._failures() as error:
            is_misnamed = isinstance(error, ValueError | FileNotFoundError) and not is_open
            remedy = "correct its name in corpus.sources." if is_misnamed else GO_ON
            raise CorpusError(f'"{self.name}" cannot be read ({reason_of(error)}): {remedy}') from error

    def _failures(self) -> tuple[type[Exception], ...]:
        """What `datasets` and the libraries below it raise where the name, the network or a file is at fault."""
        arrow, client = (needed(package, self.name, extra="hub") for package in ("pyarrow", "huggingface_hub.errors"))
        broken = (self._datasets.exceptions.DatasetsError, arrow.ArrowException, client.HTTPError)
        return (OSError, ValueError, EOFError, *broken)


def reason_of(error: Exception) -> str:
    """The first line of an error, without its last stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
