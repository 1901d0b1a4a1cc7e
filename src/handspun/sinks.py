"""Where metrics are shown besides metrics.jsonl, which stays the truth: TensorBoard, trackio and wandb.

Each needs its package, an extra of the same name, which is imported only when a run is shown there. None needs an account.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

from handspun.errors import SettingsError

PROJECT = "handspun"
"""What the dashboards of trackio and wandb list the runs under."""


@dataclass(frozen=True)
class Shown:
    """The run that is shown. Under the same name a dashboard goes on with the same curves."""

    name: str
    folder: Path
    recipe: Mapping[str, Any]


class Sink(Protocol):
    """A place where numbers of a run are shown."""

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Show what was measured at a step."""
        ...

    def close(self) -> None:
        """Hand over what is still on its way."""
        ...


class TensorBoard:
    """Event files in RUN/tensorboard: `tensorboard --logdir RUN`."""

    def __init__(self, shown: Shown, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = shown.folder / "tensorboard" / shown.name
        self.writer = SummaryWriter(str(folder), purge_step=step + 1)

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """One scalar per number."""
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is buffered."""
        self.writer.close()


class Trackio:
    """A local dashboard: `trackio show --project handspun`. It prints to stdout, which is not its own."""

    def __init__(self, shown: Shown, step: int) -> None:  # noqa: ARG002
        self.trackio: Any = import_module("trackio")
        with redirect_stdout(StringIO()):
            self.run = self.trackio.init(
                PROJECT,
                name=shown.name,
                config=dict(shown.recipe),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """One row."""
        self.run.log(dict(numbers), step=step)

    def close(self) -> None:
        """Wait for the thread that writes."""
        with redirect_stdout(StringIO()):
            self.trackio.finish()


class Wandb:
    """Files in RUN/wandb that `wandb sync` uploads; with WANDB_MODE=online they are uploaded at once."""

    def __init__(self, shown: Shown, step: int) -> None:  # noqa: ARG002
        wandb: Any = import_module("wandb")
        self.run = wandb.init(
            project=PROJECT,
            id=shown.name,
            name=shown.name,
            dir=str(shown.folder),
            config=dict(shown.recipe),
            resume="allow",
            mode=None if "WANDB_MODE" in os.environ else "offline",
            settings=wandb.Settings(silent=True, console="off", save_code=False),
        )
        self.run.define_metric("*", step_metric="step")  # a step may come twice, after a run went back

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """One row."""
        self.run.log({"step": step, **numbers})

    def close(self) -> None:
        """Write the last files."""
        self.run.finish()


SINKS = {"tensorboard": TensorBoard, "trackio": Trackio, "wandb": Wandb}


def require_packages(names: Sequence[str]) -> None:
    """Raise SettingsError where the package of a sink is not installed; nothing is imported."""
    if absent := [name for name in names if find_spec(name) is None]:
        raise SettingsError(
            f'train.sinks names {", ".join(absent)}, which is not installed: pip install "handspun[{",".join(absent)}]"; '
            f"or leave it out, metrics.jsonl is always written."
        )


def open_sinks(names: Sequence[str], shown: Shown, step: int) -> list[Sink]:
    """The sinks of a run that goes on after `step`. Raises SettingsError where a package is absent or refuses."""
    require_packages(names)
    return [opened(name, shown, step) for name in names]


def opened(name: str, shown: Shown, step: int) -> Sink:
    """One sink. Raises SettingsError with what the package says, such as that nobody is logged in."""
    try:
        return SINKS[name](shown, step)
    except Exception as error:  # each package has errors of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SettingsError(f"{name} cannot show this run ({reason}); mend that, or leave it out of train.sinks.") from error
