"""The shape of a model without its weights: on torch's meta device, where nothing is stored, and so nothing need be drawn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Undrawn(TorchFunctionMode):
    """Leaves tensors as they are that a module would fill: on the meta device a normal distribution takes torch a second."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs.get("tensor", args[0] if args else None)
        return func(*args, **kwargs)


@contextmanager
def unfilled() -> Iterator[None]:
    """What is made in here has shapes and no numbers."""
    with torch.device("meta"), Undrawn():
        yield
