"""What training writes down: a record per step and per evaluation, to metrics.jsonl and to wherever else the run is shown."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from handspun.device import DtypeName, Kind
from handspun.metrics import Metrics
from handspun.model.cost import flops_per_token
from handspun.model.transformer import Transformer
from handspun.peak import forget_peak_memory, peak_flops, peak_memory_bytes
from handspun.settings import to_tree
from handspun.sinks import Shown, Sink, open_sinks
from handspun.stages.stage import Workshop
from handspun.train.config import TrainConfig
from handspun.train.trainer import StepReport

GIB = 2**30


class Meter:
    """What a step takes of the device: the share of the FLOP/s that it can do at most, and the memory."""

    def __init__(self, kind: Kind, dtype: DtypeName, flops_per_token: int, n_devices: int = 1) -> None:
        self.kind: Kind = kind
        self.flops_per_token, peak = flops_per_token, peak_flops(kind, dtype)
        self.peak_flops = None if peak is None else n_devices * peak
        forget_peak_memory(kind)

    def mfu(self, tok_per_s: float) -> float | None:
        """Model FLOPs utilization: the model's own arithmetic, nothing computed twice, as a share of the peak."""
        return None if self.peak_flops is None else round(tok_per_s * self.flops_per_token / self.peak_flops, 4)

    def peak_gib(self) -> float:
        """The most memory taken since the training began."""
        return round(peak_memory_bytes(self.kind) / GIB, 3)


class Recorder:
    """Writes the records of a run, and goes on with them where it resumes."""

    def __init__(
        self,
        metrics: Metrics,
        config: TrainConfig,
        meter: Meter,
        open_sinks: Callable[[int], list[Sink]],
        say: Callable[[str], None],
    ) -> None:
        self.metrics, self.config, self.meter, self.open_sinks, self.say = metrics, config, meter, open_sinks, say
        self.sinks: list[Sink] = []
        self.began = time.monotonic()

    def go_on(self, step: int) -> None:
        """Forget what was written after `step`, and let the clock go on from it: a pause between two processes is no time."""
        self.close()
        self.metrics.truncate_after(step)
        self.began = time.monotonic() - (self.metrics.newest("seconds") or 0.0)
        self.sinks = self.open_sinks(step)

    def step(self, report: StepReport) -> None:
        """Write what a step did, what it took, and where it stands: tokens read and seconds gone."""
        took = {"mfu": self.meter.mfu(report.tok_per_s), "peak_gib": self.meter.peak_gib()}
        place = {"tokens": self.config.tokens_read(report.step), "seconds": round(time.monotonic() - self.began, 3)}
        self.write({**asdict(report), **took, **place})

    def evaluation(self, step: int, measured: Mapping[str, float]) -> None:
        """Write what was measured on the model after `step`."""
        self.write({"step": step, **measured})

    def samples(self, step: int, samples: Sequence[tuple[str, str]]) -> None:
        """Write what the model said after `step` to each prompt; words are for metrics.jsonl alone."""
        if samples:
            self.metrics.append({"step": step, "samples": [{"prompt": prompt, "reply": reply} for prompt, reply in samples]})

    def write(self, record: Mapping[str, Any]) -> None:
        """One line of metrics.jsonl, without what is absent; and to the sinks what is a number."""
        self.metrics.append({key: value for key, value in record.items() if value is not None})
        numbers = {key: value for key, value in record.items() if isinstance(value, int | float) and math.isfinite(value)}
        step = int(numbers.pop("step"))
        self.each_sink(lambda sink: sink.write(step, numbers))

    def close(self) -> None:
        """Let the sinks hand over what is on its way."""
        self.each_sink(lambda sink: sink.close())
        self.sinks = []

    def each_sink(self, act: Callable[[Sink], None]) -> None:
        """Do something with every sink. One that fails is let go of: a dashboard must not end a run."""
        for sink in list(self.sinks):
            try:
                act(sink)
            except Exception as error:  # noqa: BLE001  each package has errors of its own
                self.sinks.remove(sink)
                self.say(f"{type(sink).__name__} shows this run no longer ({error}); metrics.jsonl goes on")


def recorder_of(
    workshop: Workshop, config: TrainConfig, model: Transformer, kind: Kind, metrics: Metrics, training: str
) -> Recorder:
    """Who writes down a training; under the same recipe's and training's name a dashboard goes on with the same curves."""
    dtype = "bfloat16" if model.compute_dtype == torch.bfloat16 else "float32"
    meter = Meter(kind, dtype, flops_per_token(model.config, model.vocab_size, config.seq_len), workshop.processes.n)
    shown = Shown(f"{workshop.recipe.name}-{training}", metrics.path.parent, to_tree(workshop.recipe))
    return Recorder(metrics, config, meter, partial(open_sinks, config.sinks, shown), workshop.reporter.say)
