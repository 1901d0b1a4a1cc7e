"""What came of bringing an index up to date, for people and for scripts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handspun.cli import terminal
from handspun.cli.safe_text import on_one_line

if TYPE_CHECKING:
    from handspun.retrieve.ingest import SyncReport
    from handspun.retrieve.tuned import Tuned

MOST_NAMED = 10
"""files that could not be read and are named; the others are counted"""


def json_of(report: "SyncReport") -> dict[str, object]:
    """A sync for scripts."""
    return {
        "files": report.files,
        "chunks": report.chunks,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "failed": len(report.failed),
        "failures": [{"path": path, "reason": reason} for path, reason in report.failed],
        "in_part": [{"path": path, "reason": reason} for path, reason in report.in_part],
        "unread": report.unread,
        "seconds": report.seconds,
    }


def show(report: "SyncReport") -> None:
    """What a sync found and did, with the reason for each file that could not be read."""
    changes = f"{report.added:,} added, {report.changed:,} changed, {report.removed:,} removed"
    amount = f"{counted(report.files, 'file')} in {counted(report.chunks, 'chunk')}"
    terminal.say(f"{amount} ({changes}) in {terminal.duration_text(report.seconds)}")
    name_files("read in part", report.in_part)
    name_files("not read", report.failed)
    if report.unread:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(report.unread.items(), key=lambda kind: -kind[1]))
        terminal.say(f"left, being of another kind: {kinds}")


def name_files(what: str, files: Sequence[tuple[str, str]]) -> None:
    """What became of files, and why; of many the first."""
    for path, reason in files[:MOST_NAMED]:
        terminal.say(f"{what}: {on_one_line(path)}: {reason}")
    if (n_more := len(files) - MOST_NAMED) > 0:
        terminal.say(f"{what}: {n_more:,} more; --json lists them all")


def counted(n: int, thing: str) -> str:
    """A number of things."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def show_tuned(tuned: "Tuned | None", min_score: float | None) -> None:
    """How an index is searched from now on, and what that was measured to find; `min_score` is the one that was asked for."""
    if tuned is None:
        return
    by = f"words and by {tuned.asked} vectors, their share {tuned.weight:.2g}" if tuned.embedder else "words alone"
    terminal.say(f"searched by {by}")
    if tuned.n_known_items and tuned.ndcg_words is not None:
        fused = f", with vectors {tuned.ndcg_fused:.3f}" if tuned.asked != "none" and tuned.ndcg_fused is not None else ""
        questions = f"{tuned.n_known_items:,} questions made of its own sentences"
        terminal.say(f"nDCG@10 of {questions}: by words {tuned.ndcg_words:.3f}{fused}")
    if tuned.share_found is None and min_score is None:
        why = "this is too little to tune on" if tuned.n_known_items else "there is too little text to tune on"
        share = ", and so is the share of vectors" if tuned.embedder else ""
        terminal.say(f"{why}: what counts as found is the default, a score of {tuned.min_score:.2f}{share}")
