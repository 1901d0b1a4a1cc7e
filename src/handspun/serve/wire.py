"""What the messages of both protocols are made of: strict objects, durations, and refusals with a reason."""

import difflib
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

MAX_MESSAGES = 4096
MAX_INPUTS = 2048
"""texts in one request for embeddings"""
MAX_LIKELIEST = 20
MAX_REPLIES = 16
"""replies to one prompt"""

CLOSE = 0.75
"""how much of a mistyped key must agree with the one that is proposed instead"""

DURATION = r"^[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+$|^[-+]?[0-9]+$"
"""as Go writes it, such as 5m or 1h30m; or a number of seconds"""
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
FOREVER_S = 1e9
"""more seconds than any server lives"""


class Wire(BaseModel):
    """An object of a protocol. Every key must be known; a mistyped one is answered with the name it resembles."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def read(cls, data: Any) -> Any:
        """The object with 3.0 as 3: in JSON they are the same number."""
        if not isinstance(data, dict):
            return data
        if cls.model_config.get("extra") == "forbid":
            know_every_key(data, [field.alias or name for name, field in cls.model_fields.items()])
        return {key: int(value) if isinstance(value, float) and value.is_integer() else value for key, value in data.items()}


def know_every_key(data: dict[str, Any], known: Sequence[str]) -> None:
    """Raises PydanticCustomError for a key that is not known, with the one it resembles."""
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=CLOSE)
            hint = f'did you mean "{near[0]}"?' if near else "leave it out"
            said = key[:60].encode("ascii", "backslashreplace").decode()
            raise PydanticCustomError("unknown_key", '"{key}" is not known here; {hint}', {"key": said, "hint": hint})


def only(allowed: Sequence[Any], reason: str) -> BeforeValidator:
    """Refuses every other value with a reason, before its type is looked at."""

    def check(value: Any) -> Any:
        if not any(value == one and isinstance(value, bool) is isinstance(one, bool) for one in allowed):
            raise PydanticCustomError("refused", "{reason}", {"reason": reason})
        return value

    return BeforeValidator(check)


def explained(reason: str) -> WrapValidator:
    """Refuses what does not fit with a reason of its own."""

    def check(value: Any, fit: ValidatorFunctionWrapHandler) -> Any:
        try:
            return fit(value)
        except ValidationError as error:
            raise PydanticCustomError("refused", "{reason}", {"reason": reason}) from error

    return WrapValidator(check)


def seconds(value: float | str | None) -> float | None:
    """A duration in seconds; `math.inf` for a negative one, which keeps for good."""
    if value is None:
        return None
    if isinstance(value, str):
        parts = re.findall(r"([0-9.]+)(ns|us|µs|ms|s|m|h)", value)
        size = sum(float(number) * SECONDS[unit] for number, unit in parts) if parts else abs(float(value))
        value = -size if value.startswith("-") else size
    return math.inf if value < 0 or value > FOREVER_S else value


Absent = Annotated[None, only((None,), "this is not supported; leave it out")]
Never = Annotated[Literal[False] | None, only((None, False), "this is not supported; leave it out")]
NoTools = Annotated[
    Annotated[list[Any], Field(max_length=0)] | None, only((None, []), "no model here can call tools; leave them out")
]
NoImages = Annotated[
    Annotated[list[Any], Field(max_length=0)] | None, only((None, []), "no model here sees images; send text only")
]
NoPenalty = Annotated[
    Annotated[float, Field(ge=0, le=0)] | None, only((None, 0), "only 0 is supported; repeat_penalty does something like it")
]
Ignored = Annotated[Any, Field(description="Taken, and without effect here.")]


IndexName = Annotated[str, Field(min_length=1, max_length=128)]
"""of an index to answer through; one that is not there is answered with those there are"""


class Keeping(Wire):
    """A request that says how long its model stays in memory afterwards."""

    keep_alive: Annotated[
        Annotated[str, Field(pattern=DURATION, max_length=64)] | float | None,
        explained("must be a duration such as 5m, 300, -1 or 0"),
    ] = None
    """seconds, or a duration as Go writes it; negative: for good"""

    @property
    def keep_alive_s(self) -> float | None:
        """In seconds; None where it does not say."""
        return seconds(self.keep_alive)
