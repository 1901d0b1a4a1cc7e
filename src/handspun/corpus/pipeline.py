"""Raw text in, clean documents out: the stage `curate` from its sources to its sealed folder."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from handspun.corpus.config import LARGEST_VAL_SHARE, CorpusConfig
from handspun.corpus.dedup import Grams, NearIndex, SeenTexts, word_grams
from handspun.corpus.dialogues import read_dialogues
from handspun.corpus.document import Conversation, Document, Message, Question
from handspun.corpus.exercises import Exercises, FindAmong
from handspun.corpus.hub import HubSource
from handspun.corpus.hub_name import is_hub_name
from handspun.corpus.manners import manners
from handspun.corpus.normalize import Normalizer
from handspun.corpus.python_docs import PythonLibrary, library_bytes, read_library
from handspun.corpus.python_objects import folded
from handspun.corpus.quarantine import Quarantine
from handspun.corpus.questions import held_out_questions, training_conversations
from handspun.corpus.reader_name import is_reader_name
from handspun.corpus.reading_file import ReaderSource
from handspun.corpus.records import line_of, read_conversations, read_documents, read_questions, write_records
from handspun.corpus.report import (
    BAD,
    DUPLICATE,
    EMPTY,
    NEAR_HELD_OUT,
    CurationReport,
    SourceTally,
    dropped_in_all,
    read_report,
)
from handspun.corpus.room import room_to_curate
from handspun.corpus.sources import SUFFIXES, LocalSource
from handspun.corpus.split import is_held_out, smallest_share_above, stable_fraction
from handspun.errors import CorpusError
from handspun.files import MANIFEST, disk_errors, durable_writer, seal_folder

__all__ = ["CurationReport", "curate", "read_conversations", "read_documents", "read_questions", "read_report"]

TRAIN, VAL, CONVERSATIONS, QUESTIONS = "train.jsonl", "val.jsonl", "train_conversations.jsonl", "questions.jsonl"
REPORT, BAD_LINES, CANDIDATES = "report.json", "bad_lines.jsonl", ".candidates.jsonl"

MOST_NAMED = 5
"""Files that are named in a sentence about several."""

OnProgress = Callable[[int, int | None], None]


def curate(
    config: CorpusConfig, folder: Path, on_progress: OnProgress | None = None, find_among: FindAmong | None = None
) -> CurationReport:
    """Read the sources, clean them, split them, and write the sealed corpus folder.

    `on_progress(done, total)` counts bytes of the sources, each twice: once read, once compared with the held-out side.
    `find_among` is how exercises in reading look for passages that a question might be mistaken to be about.
    Raises CorpusError (a source is missing, too much of it is unreadable, nothing is left) and DiskFullError.
    """
    return _Curation(config, folder, on_progress, find_among).run()


def open_source(name: str, config: CorpusConfig) -> LocalSource | HubSource | ReaderSource:
    """The source that a recipe names, "python" apart. Raises CorpusError where it is missing."""
    if is_reader_name(name):
        return ReaderSource(name)
    if not is_hub_name(name):
        return LocalSource(name)
    limit = config.byte_limit(name)
    assert limit is not None, "the config asks for max_bytes where a source is on the hub"
    return HubSource(name, Path(config.hub_folder), limit)


def up_to(limit_bytes: int | None, documents: Iterator[Document]) -> Iterator[Document]:
    """Documents until their text reaches `limit_bytes`; all of them where there is no limit."""
    n_read = 0
    for document in documents:
        if limit_bytes is not None and n_read >= limit_bytes:
            return
        n_read += len(document.text.encode(errors="replace"))
        yield document


class _Curation:
    """One run over the sources. Documents stream through; only hashes and the 5-grams of the held-out side stay in memory."""

    def __init__(
        self, config: CorpusConfig, folder: Path, on_progress: OnProgress | None, find_among: FindAmong | None
    ) -> None:
        self.config, self.find_among = config, find_among
        self.folder = folder.with_name(f"{folder.name}.partial")
        self.final_folder = folder
        self.sources = {name: open_source(name, config) for name in config.sources if name != "python"}
        self.readers = {name: self._reader(name) for name in config.conversations if is_reader_name(name)}
        self.tallies = {name: SourceTally(name) for name in config.sources}
        self.normalize = Normalizer(config.normalize, keep_emoji=config.keep_emoji)
        self.seen = SeenTexts()
        self.held_out_grams: list[Grams] = []
        self.n_candidates, self.smallest_fraction = 0, 1.0
        """Documents that are not held out, and what the first of them to be held out would need as val_share."""
        self.input_bytes = sum(map(self._n_bytes, config.sources))
        self.done_bytes = 0
        self.on_progress = on_progress

    def run(self) -> CurationReport:
        """Every step in order, in a folder beside the final one: what was curated before stays until all of this is whole."""
        started = time.monotonic()
        room_to_curate(self.folder, self.input_bytes).check()
        shutil.rmtree(self.folder, ignore_errors=True)
        with durable_writer(self.folder / BAD_LINES) as file:
            quarantine = Quarantine(file)
            self._gather(quarantine)
            n_conversations = write_records(self.folder / CONVERSATIONS, self._conversations(quarantine))
        try:
            self._check(quarantine)
        except CorpusError:
            if not quarantine.n_bad:
                shutil.rmtree(self.folder)
            raise
        self._advance_to(self.input_bytes)
        self._separate()
        n_questions = write_records(self.folder / QUESTIONS, self._questions(quarantine))
        report = self._report(quarantine, n_conversations, n_questions, time.monotonic() - started)
        report.write(self.folder / REPORT)
        self._publish()
        self._advance_to(2 * self.input_bytes)
        return report

    @cached_property
    def library(self) -> PythonLibrary:
        """Python's documentation, read once for text and questions."""
        return read_library(self._advance if "python" in self.config.sources else lambda _: None)

    @cached_property
    def _trained_library(self) -> PythonLibrary:
        return self.library.only(lambda group: not self._is_held_out(group))

    def _reader(self, name: str) -> ReaderSource:
        """What exercises are made of, shared with the source of that name where the text is read, too."""
        source = self.sources.get(name)
        return source if isinstance(source, ReaderSource) else ReaderSource(name)

    def _n_bytes(self, name: str) -> int:
        """What there is to read of a source."""
        n_bytes = library_bytes() if name == "python" else self.sources[name].n_bytes
        return min(n_bytes, self.config.byte_limit(name) or n_bytes)

    def _advance(self, n_bytes: int) -> None:
        self._advance_to(self.done_bytes + n_bytes)

    def _advance_to(self, n_bytes: int) -> None:
        self.done_bytes = n_bytes
        if self.on_progress:
            self.on_progress(n_bytes, 2 * self.input_bytes)

    def _is_held_out(self, group: str) -> bool:
        return is_held_out(group, self.config.val_share)

    def _gather(self, quarantine: Quarantine) -> None:
        """Write the held-out documents to val.jsonl, and the others to a file of candidates for training."""
        candidates = self.folder / CANDIDATES
        with durable_writer(self.folder / VAL) as val, disk_errors(candidates), candidates.open("wb") as train:
            for document in self._clean_documents(quarantine):
                tally = self.tallies[document.source]
                group = str(document.metadata.get("group") or folded(document.text))
                if self._is_held_out(group):
                    tally.n_val += 1
                    tally.val_bytes += len(document.text.encode())
                    self.held_out_grams.append(word_grams(document.text))
                    val.write(line_of(document))
                else:
                    self.n_candidates += 1
                    self.smallest_fraction = min(self.smallest_fraction, stable_fraction(group))
                    train.write(line_of(document))

    def _clean_documents(self, quarantine: Quarantine) -> Iterator[Document]:
        """Every document of every source in order, normalized; empty and repeated ones are counted and left out."""
        for document in self._raw_documents(quarantine):
            document = replace(document, text=self.normalize(document.text))
            if not document.text.strip():
                self.tallies[document.source].drop(EMPTY)
            elif self.config.dedup and not self.seen.is_new(document.text):
                self.tallies[document.source].drop(DUPLICATE)
            else:
                yield document

    def _raw_documents(self, quarantine: Quarantine) -> Iterator[Document]:
        for name in self.config.sources:
            if name == "python":
                documents = self.library.documents()
            else:
                documents = self.sources[name].documents(quarantine, self._advance)
            yield from up_to(self.config.byte_limit(name), documents)

    def _check(self, quarantine: Quarantine) -> None:
        """Stop where too much is unreadable or nothing is left to learn from or to measure on."""
        if quarantine.bad_share > self.config.max_bad_share:
            or_raise = ", or raise corpus.max_bad_share" if quarantine.n_good else ""
            raise CorpusError(
                f"{quarantine.n_bad:,} of {quarantine.n_bad + quarantine.n_good:,} records are unreadable, more than "
                f"corpus.max_bad_share={self.config.max_bad_share} allows (first: {quarantine.first}); mend those that "
                f"{self.folder / BAD_LINES} lists{or_raise}."
            )
        if not quarantine.n_bad:
            (self.folder / BAD_LINES).unlink()
        sources = ", ".join(self.config.sources)
        if not self.n_candidates:
            raise CorpusError(f"no text to train on is left of corpus.sources ({sources}): {self._lost(quarantine)}.")
        if self.config.val_share and not self.held_out_grams:
            raise CorpusError(
                f"corpus.val_share={self.config.val_share} holds out none of the {self.n_candidates:,} documents of "
                f"corpus.sources ({sources}): {self._share_that_would()}."
            )

    def _lost(self, quarantine: Quarantine) -> str:
        """Where the text has gone, and what to do about it."""
        if n_val := sum(tally.n_val for tally in self.tallies.values()):
            remedy = f"name more text, or lower corpus.val_share={self.config.val_share}"
            gone = [f"{n_val:,} held out"]
        else:
            remedy, gone = "name sources with more text", []
        gone += [f"{count:,} {reason}" for reason, count in dropped_in_all(self.tallies.values()).items()]
        gone += [f"{quarantine.n_bad:,} {BAD} (first: {quarantine.first})"] if quarantine.n_bad else []
        return "; ".join([", ".join(gone) or "they are empty", *self._unread(), remedy])

    def _share_that_would(self) -> str:
        """How one document more would be held out. Which it is follows from their text, so no seed would change it."""
        share = smallest_share_above(self.smallest_fraction)
        none = "corpus.val_share=0 measures on none"
        if self.n_candidates == 1:
            return f"name more text, or {none}"
        return f"corpus.val_share={share} would, {none}" if share <= LARGEST_VAL_SHARE else f"name more text, or {none}"

    def _unread(self) -> list[str]:
        """A sentence about the files of each source that are of no kind that is read."""
        found = {name: source.unread for name, source in self.sources.items() if isinstance(source, LocalSource)}
        return [
            f"{len(files):,} files of {name} are not read, being none of {', '.join(SUFFIXES)}: "
            f"{', '.join(path.name for path in files[:MOST_NAMED])}{', ...' if len(files) > MOST_NAMED else ''}"
            for name, files in found.items()
            if files
        ]

    def _separate(self) -> None:
        """Write the candidates to train.jsonl, without those that nearly repeat a held-out document."""
        near_held_out = NearIndex(self.held_out_grams)
        candidates = self.folder / CANDIDATES
        size = candidates.stat().st_size
        with durable_writer(self.folder / TRAIN) as file:
            for document in read_documents(candidates):
                tally = self.tallies[document.source]
                line = line_of(document)
                if near_held_out.is_near(document.text):
                    tally.drop(NEAR_HELD_OUT)
                else:
                    tally.n_train += 1
                    tally.train_bytes += len(document.text.encode())
                    file.write(line)
                self._advance(len(line) * self.input_bytes // size)
        candidates.unlink()

    def _publish(self) -> None:
        """Move the files to the final folder and seal it; the manifest goes first and comes back last."""
        self.final_folder.mkdir(parents=True, exist_ok=True)
        for name in (MANIFEST, BAD_LINES):
            (self.final_folder / name).unlink(missing_ok=True)
        for path in sorted(self.folder.iterdir()):
            path.replace(self.final_folder / path.name)
        self.folder.rmdir()
        seal_folder(self.final_folder)

    def _conversations(self, quarantine: Quarantine) -> Iterator[Conversation]:
        """What to tune on, from every place that is named, in the corpus' own form of text."""
        for name in self.config.conversations:
            for conversation in self._raw_conversations(name, quarantine):
                messages = tuple(Message(message.role, self.normalize(message.content)) for message in conversation.messages)
                yield replace(conversation, messages=messages)

    def _raw_conversations(self, name: str, quarantine: Quarantine) -> Iterator[Conversation]:
        if name == "python":
            return training_conversations(self._trained_library, self.library.group_of)
        if name in self.readers:
            trained = self.readers[name].reading(quarantine).only(lambda group: not self._is_held_out(group))
            find = self.find_among([passage.text for passage in trained.passages]) if self.find_among else None
            return Exercises(trained, find).conversations(name)
        return manners() if name == "manners" else read_dialogues(name, quarantine)

    def _questions(self, quarantine: Quarantine) -> Iterator[Question]:
        """The held-out questions, in the corpus' own form of text."""
        for question in self._raw_questions(quarantine):
            texts = {key: self.normalize(getattr(question, key)) for key in ("question", "answer", "passage", "wrong_passage")}
            yield replace(question, **texts)

    def _raw_questions(self, quarantine: Quarantine) -> Iterator[Question]:
        if "python" in self.config.conversations:
            yield from held_out_questions(self.library.only(self._is_held_out), self._trained_library)
        for reader in self.readers.values():
            yield from Exercises(reader.reading(quarantine).only(self._is_held_out)).questions()

    def _report(self, quarantine: Quarantine, n_conversations: int, n_questions: int, seconds: float) -> CurationReport:
        notes = self._unread()
        if self.normalize.n_unrepaired:
            notes.append(
                f'{self.normalize.n_unrepaired:,} texts look garbled: pip install "handspun[data]" and run again to mend them.'
            )
        for source, count in quarantine.bad_by_source.items():
            self.tallies.setdefault(source, SourceTally(source)).drop(BAD, count)
        return CurationReport(tuple(self.tallies.values()), n_conversations, n_questions, tuple(notes), round(seconds, 3))
