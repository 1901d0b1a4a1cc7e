"""What came of bringing an index up to date, for people and for scripts."""

from typing import TYPE_CHECKING

from handspun.cli import terminal

if TYPE_CHECKING:
    from handspun.retrieve.ingest import SyncReport

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
        "unread": report.unread,
        "seconds": report.seconds,
    }


def show(report: "SyncReport") -> None:
    """What a sync found and did, with the reason for each file that could not be read."""
    changes = f"{report.added:,} added, {report.changed:,} changed, {report.removed:,} removed"
    terminal.say(f"{report.files:,} files in {report.chunks:,} chunks ({changes}) in {terminal.duration_text(report.seconds)}")
    for path, reason in report.failed[:MOST_NAMED]:
        terminal.say(f"not read: {path}: {reason}")
    if (n_more := len(report.failed) - MOST_NAMED) > 0:
        terminal.say(f"not read: {n_more:,} more; --json lists them all")
    if report.unread:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(report.unread.items(), key=lambda kind: -kind[1]))
        terminal.say(f"left, being of another kind: {kinds}")
