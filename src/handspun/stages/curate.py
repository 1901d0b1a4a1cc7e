"""The stage that turns raw text into clean documents, and some of it into questions."""

import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handspun.corpus.pipeline import curate
from handspun.files import read_manifest, sha256_of_json
from handspun.runs import Run
from handspun.stages.stage import Stage, Workshop

BUILT_IN = ("python", "manners")
"""Sources that are no path: they change with the Python installation, or with our code."""


def source_hashes(workshop: Workshop) -> Mapping[str, str]:
    """One hash per source: of the Python version, or of every file's path, size and time of change."""
    corpus = workshop.recipe.corpus
    return {source: source_hash(source) for source in (*corpus.sources, *corpus.conversations)}


def source_hash(source: str) -> str:
    """What tells a source from the same source changed."""
    if source in BUILT_IN:
        return f"{platform.python_implementation()} {platform.python_version()}"
    path = Path(source).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return sha256_of_json(stats)


def text_hashes(run: Run, *names: str) -> Mapping[str, str]:
    """The hashes of those of these files that the curated corpus has."""
    files = read_manifest(run.corpus)["files"]
    return {name: files[name]["sha256"] for name in names if name in files}


def work(workshop: Workshop, key: str) -> Mapping[str, Any]:  # noqa: ARG001
    """Curate into the run folder and say what was kept."""
    with workshop.reporter.progress("curate", "bytes") as progress:
        report = curate(workshop.recipe.corpus, workshop.run.corpus, progress)
    return asdict(report)


CURATE = Stage(
    name="curate",
    tables=["corpus"],
    rooms=["corpus"],
    inputs=source_hashes,
    outputs=lambda workshop: [workshop.run.corpus],
    work=work,
)
