"""Points in time as Ollama writes them."""

from datetime import UTC, datetime

NEVER = "9999-12-31T23:59:59Z"


def timestamp(time: datetime | None = None) -> str:
    """A time in UTC, or the present one."""
    return (time or datetime.now(UTC)).astimezone(UTC).isoformat().replace("+00:00", "Z")
