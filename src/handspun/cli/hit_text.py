"""How a hit is shown: to people by where it stands, to scripts as an object."""

from typing import TYPE_CHECKING, Any

from handspun.cli.safe_text import on_one_line

if TYPE_CHECKING:
    from handspun.retrieve.chunk import Chunk, Hit
    from handspun.retrieve.citation import Citation


def place_of(where: "Citation | Chunk") -> str:
    """Where something stands, in words."""
    page = f", page {where.page}" if where.page is not None else ""
    heading = f", {folded(where.heading)}" if where.heading else ""
    return f"{on_one_line(where.source)}{page}, characters {where.start}-{where.end}{heading}"


def folded(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def hit_json(hit: "Hit") -> dict[str, Any]:
    """A chunk that was found."""
    chunk = hit.chunk
    found = {"chunk_id": chunk.id, "source": chunk.source, "score": round(hit.score, 6), "start": chunk.start, "end": chunk.end}
    return found | {"text": chunk.text, "heading": chunk.heading, "page": chunk.page}
