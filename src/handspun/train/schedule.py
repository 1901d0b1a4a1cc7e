"""The learning rate over a run, as a share of its peak."""

import math

from handspun.train.config import TrainConfig


def lr_share(step: int, config: TrainConfig) -> float:
    """What the peak learning rates are multiplied by in step `step` (0 is the first)."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.schedule == "cosine":
        done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
        return config.min_lr_ratio + (1 - config.min_lr_ratio) * (1 + math.cos(math.pi * done)) / 2
    remaining = config.steps - step
    if remaining > config.final_steps:
        return 1.0
    return config.min_lr_ratio + (1 - config.min_lr_ratio) * remaining / (config.final_steps + 1)
