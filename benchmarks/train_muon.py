"""What Muon costs: its share of an optimizer step of 32,768 tokens on the CPU, in bf16.

    python benchmarks/train.py --muon [--json]

Whole steps of the trainer's own parts: eight forwards and backwards, clipping, AdamW for the tables and Muon for the matrices.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from handspun.device import keep_freed_memory, n_threads
from handspun.model.config import ModelConfig
from handspun.train.config import TrainConfig

MUON_BAR = 0.05
BATCH_TOKENS = 32_768


def measure(shape: ModelConfig, vocab_size: int, micro_batch: int, seq_len: int, n_steps: int) -> dict[str, Any]:
    """Seconds of a whole step and of Muon in it, medians over the steps after the first."""
    import torch

    from handspun.model.transformer import Transformer
    from handspun.train.loss import next_token_loss
    from handspun.train.optim import Optimizers

    torch.set_num_threads(n_threads())
    keep_freed_memory()
    config = TrainConfig(optimizer="muon", batch_tokens=BATCH_TOKENS, micro_batch=micro_batch, seq_len=seq_len)
    model = Transformer(shape, vocab_size, compute_dtype=torch.bfloat16).initialize(0)
    optimizers = Optimizers(model, config)
    muon = optimizers.all[-1]
    muon_s: list[float] = []
    muon.step = timed(muon.step, muon_s)  # type: ignore[method-assign]
    ids = torch.randint(vocab_size, (micro_batch, seq_len + 1))
    counted = torch.ones(micro_batch, seq_len, dtype=torch.bool)

    def step() -> None:
        for _ in range(config.grad_accum):
            (next_token_loss(model, ids[:, :-1], ids[:, 1:], counted) / BATCH_TOKENS).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(1.0)

    step_s: list[float] = []
    for _ in range(n_steps + 1):
        timed(step, step_s)()
    return {
        "mode": "muon",
        "threads": n_threads(),
        "batch_tokens": BATCH_TOKENS,
        "step_s": median(step_s[1:]),
        "muon_s": median(muon_s[1:]),
        "muon_share": median(muon_s[1:]) / median(step_s[1:]),
        "muon_bar": MUON_BAR,
    }


def timed(run: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    """The same function, which notes how long each call took."""

    def run_and_note(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        result = run(*arguments, **options)
        seconds.append(time.perf_counter() - began)
        return result

    return run_and_note


def show(results: dict[str, Any], load: float) -> None:
    """The results in a line."""
    share = f"{100 * results['muon_share']:.1f} % of a step of {results['step_s']:.2f} s (bar {100 * MUON_BAR:.0f} %)"
    print(f"muon: {results['muon_s']:.3f} s, {share}, {results['threads']} threads, load {load:.1f}")
