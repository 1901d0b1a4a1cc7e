"""The reference is read from the configs themselves."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handspun.reference import DocumentedField, documented_fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    d_model: int = 64
    """Width of the residual stream."""
    activation: Literal["gelu", "relu2"] = "gelu"
    """Non-linearity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Documented:
    name: str
    """What the run is called."""
    minutes: float | None = None
    sources: tuple[str, ...] = ("python",)
    """Where text comes from."""
    model: Shape = Shape()


def test_every_key_is_listed_with_its_type_its_default_and_the_string_below_it() -> None:
    assert documented_fields(Documented) == [
        DocumentedField("name", "str", "required", "What the run is called."),
        DocumentedField("minutes", "float", "off", ""),
        DocumentedField("sources", "list of str", '["python"]', "Where text comes from."),
        DocumentedField("model.d_model", "int", "64", "Width of the residual stream."),
        DocumentedField("model.activation", '"gelu" | "relu2"', '"gelu"', "Non-linearity."),
    ]


def test_the_reference_pages_are_what_the_program_would_write_now() -> None:
    script = Path(__file__).parent.parent / "dev" / "write_reference.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
