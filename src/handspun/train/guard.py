"""The guard: tells a step that would spoil the run from an ordinary one, by what the run itself has shown so far."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from handspun.train.config import GuardConfig

FEWEST_STEPS = 10
"""Steps that must have been seen before a spike can be told from the noise."""
DEVIATIONS_PER_MAD = 1.4826
"""A normal distribution's standard deviation in units of its median absolute deviation."""
RUNAWAY = 2.0
"""A loss of so many times the run's first, and"""
LOST_NATS = 1.0
"""so much above it, has lost all that was learnt, and more. Near zero, as in tuning, a batch may have twice another's loss."""
SMALLEST_DEVIATION = 0.01
"""Of a loss, as a share of it: below this the noise is too small to be measured by a few dozen steps."""


@dataclass
class Guard:
    """What the last good steps looked like, and what was done about the bad ones. All of it is saved with the run."""

    config: GuardConfig
    losses: list[float] = field(default_factory=list)
    grad_norms: list[float] = field(default_factory=list)
    first_loss: float | None = None
    """What the run began with."""
    bag: int = 1
    """Tokens per bag in these steps: where that changes, so does the loss."""
    n_bad: int = 0
    """Bad steps since the last good one."""
    n_rollbacks: int = 0
    """How often the run has gone back."""
    passed_over: int = 0
    """Steps' worth of data that were left out in going back."""

    def fault(self, loss: float, grad_norm: float, bag: int = 1) -> str | None:
        """What is wrong with a step that gave these numbers, or None; either way the guard has taken note."""
        if bag != self.bag:
            self.bag, self.first_loss, self.losses, self.grad_norms = bag, None, [], []
        found = self.fault_of(loss, grad_norm)
        self.n_bad = self.n_bad + 1 if found else 0
        if not found:
            self.first_loss = loss if self.first_loss is None else self.first_loss
            self.losses = [*self.losses, loss][-self.config.window :]
            self.grad_norms = [*self.grad_norms, grad_norm][-self.config.window :]
        return found

    def fault_of(self, loss: float, grad_norm: float) -> str | None:
        """What is wrong with these numbers, in a few words."""
        if not math.isfinite(loss) or not math.isfinite(grad_norm):
            return f"the loss is {loss:.4g} and the norm of its gradient {grad_norm:.4g}"
        if self.first_loss is not None and loss > max(RUNAWAY * self.first_loss, self.first_loss + LOST_NATS):
            return f"the loss is {loss:.4g}, far above the {self.first_loss:.4g} of the beginning"
        if len(self.losses) < FEWEST_STEPS:
            return None
        usual = median(self.losses)
        if loss > usual + self.config.loss_spike * deviation(self.losses):
            return f"the loss has jumped to {loss:.4g} from about {usual:.4g}"
        usual = median(self.grad_norms)
        if grad_norm > self.config.grad_spike * usual:
            return f"the norm of the gradient has jumped to {grad_norm:.4g} from about {usual:.4g}"
        return None

    @property
    def has_lost_patience(self) -> bool:
        """Whether leaving out single steps has not helped."""
        return self.n_bad > self.config.patience

    def go_back(self, state: Mapping[str, Any], n_steps: int) -> None:
        """Forget what came after a checkpoint with this state, and leave out the data of the `n_steps` since."""
        n_rollbacks, passed_over = self.n_rollbacks + 1, self.passed_over + n_steps
        self.load_state({**state, "n_bad": 0, "n_rollbacks": n_rollbacks, "passed_over": passed_over})

    def state(self) -> dict[str, Any]:
        """Everything that decides what it will say next, for the checkpoint."""
        names = ("losses", "grad_norms", "first_loss", "bag", "n_bad", "n_rollbacks", "passed_over")
        return {name: getattr(self, name) for name in names}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        for name, value in state.items():
            setattr(self, name, list(value) if isinstance(value, list) else value)


def deviation(values: Sequence[float]) -> float:
    """A standard deviation that a few wild values do not move."""
    middle = median(values)
    spread = DEVIATIONS_PER_MAD * median(abs(value - middle) for value in values)
    return max(spread, SMALLEST_DEVIATION * abs(middle))
