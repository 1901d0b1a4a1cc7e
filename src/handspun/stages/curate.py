"""The stage that turns raw text into clean documents, and some of it into questions."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handspun.corpus.hub import HubSource
from handspun.corpus.hub_name import is_hub_name
from handspun.corpus.pipeline import curate, open_source
from handspun.corpus.reader_name import reader_path
from handspun.corpus.room import room_to_curate, room_to_fetch, size_text
from handspun.corpus.sources import missing
from handspun.files import read_manifest, sha256_of_json
from handspun.runs import Run
from handspun.stages.finding import find_among
from handspun.stages.stage import Progress, Stage, Workshop

BUILT_IN = ("python", "manners")
"""Sources that are no path: they change with the Python installation, or with our code."""


def source_hashes(workshop: Workshop) -> Mapping[str, str]:
    """One hash per source: of the Python version, of every file's path, size and time of change, or a name on the hub."""
    corpus = workshop.recipe.corpus
    sources = {source: source_hash(source) for source in corpus.sources}
    return {**sources, **{source: source_hash(source, "corpus.conversations") for source in corpus.conversations}}


def inputs(workshop: Workshop) -> Mapping[str, str]:
    """The sources, and how much is read of each where that is limited."""
    corpus = workshop.recipe.corpus
    limits = {f"limit of {source}": str(limit) for source in corpus.sources if (limit := corpus.byte_limit(source))}
    return {**source_hashes(workshop), **limits}


def source_hash(source: str, key: str = "corpus.sources") -> str:
    """What tells a source from the same source changed. Raises CorpusError where it is missing."""
    if source in BUILT_IN:
        return f"{platform.python_implementation()} {platform.python_version()}"
    if is_hub_name(source):
        return source
    path = reader_path(source)
    if not path.exists():
        raise missing(source, key)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return sha256_of_json(stats)


def text_hashes(run: Run, *names: str) -> Mapping[str, str]:
    """The hashes of those of these files that the curated corpus has."""
    files = read_manifest(run.corpus)["files"]
    return {name: files[name]["sha256"] for name in names if name in files}


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:  # noqa: ARG001
    """Curate into the run folder, what lies on the hub fetched first, and say what was kept."""
    fetch(workshop)
    with workshop.reporter.progress("curate", "bytes") as progress:
        report = curate(workshop.recipe.corpus, workshop.run.corpus, progress, find_among)
    for sentence in (report.summary, *report.notes):
        workshop.reporter.say(f"curate: {sentence}")
    return asdict(report)


def fetch(workshop: Workshop) -> None:
    """Read what the recipe wants of the hub and is not kept yet; what it takes on the disk is said, and checked, before."""
    config = workshop.recipe.corpus
    opened = [open_source(name, config) for name in config.sources if is_hub_name(name)]
    unread = [source for source in opened if isinstance(source, HubSource) and source.n_missing]
    if not unread:
        return
    n_bytes = sum(source.n_missing for source in unread)
    rooms = (
        room_to_fetch(Path(config.hub_folder), n_bytes),
        room_to_curate(workshop.run.corpus, sum(source.n_bytes for source in opened)),
    )
    workshop.reporter.say(f"{size_text(n_bytes)} of text to fetch, which takes about {' and '.join(map(str, rooms))}")
    for room in rooms:
        room.check()
    for source in unread:
        with workshop.reporter.progress(f"fetch {source.name}", "bytes") as progress:
            source.fetch(counted(progress, source.n_missing))


def counted(progress: Progress, total: int) -> Callable[[int], None]:
    """Adds up for `progress` what it is told piece by piece."""
    done = 0

    def on_bytes(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        progress(min(done, total), total)

    return on_bytes


CURATE = Stage(
    name="curate",
    tables=["corpus"],
    rooms=["corpus"],
    inputs=inputs,
    outputs=lambda workshop: [workshop.run.corpus],
    work=work,
)
