"""Run as a program with a JSON object of settings: train for real in a process of its own, and print what it took.

The steps are the trainer's: batches from shards, loss, clipping, optimizer.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))


def measure(settings: dict[str, Any]) -> dict[str, int]:
    """Bytes that the program took before there was a model, and at most."""
    import torch

    import handspun.cli.app
    import handspun.stages.pipeline  # noqa: F401  what `handspun train` loads
    from handspun import machine
    from handspun.device import choose_device, keep_freed_memory
    from handspun.model.config import ModelConfig
    from handspun.model.transformer import Transformer
    from handspun.speed import runtime_bytes
    from handspun.train.config import TrainConfig
    from handspun.train.trainer import Trainer
    from tiny_run import byte_tokenizer, tiny_batches

    keep_freed_memory()
    runtime, config = runtime_bytes(choose_device()), TrainConfig(**settings["train"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = Transformer(
            ModelConfig(**settings["model"]), settings["vocab_size"], compute_dtype=getattr(torch, config.compute_dtype)
        )
        batches = tiny_batches(config, folder)
        trainer = Trainer(
            *(model, batches, config),
            **{"folder": folder / "run", "tokenizer": byte_tokenizer(), "recipe": "", "identity": "measured", "seed": 1},
        )
        for step in range(config.steps):
            trainer.take_step(step)
    return {"runtime": runtime, "peak": machine.peak_memory_bytes()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(json.loads(sys.argv[1]))))
