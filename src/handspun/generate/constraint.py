"""What a reply must look like: JSON, or JSON of one schema."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Constraint:
    """JSON that a JSON Schema describes; any JSON object where there is none."""

    schema: dict[str, Any] | None = None
