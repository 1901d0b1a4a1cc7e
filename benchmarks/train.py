"""Training on the CPU: tokens per second and peak memory of handspun and of transformers' LlamaForCausalLM, in bf16.

    python benchmarks/train.py [--compile] [--json] [--rounds 3] [--steps 6]
    python benchmarks/train.py --muon                   what Muon costs of a step: see train_muon.py
    python benchmarks/train.py --gpu [--case NAME]      on a GPU, two shapes and a 4.7B step in 24 GiB: see train_gpu.py
    python benchmarks/train.py --gpu --rehearse         that code in a minute or two, on a CPU at 1/64 of the width

The same shape, batch and optimizer on both sides, random tokens, all cores; each turn is a process of its own, so that each
side has its own memory. The bars are 1.2 times the tokens per second and 0.75 times the memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from handspun.device import keep_freed_memory, n_threads
from handspun.machine import peak_memory_bytes
from handspun.model.config import ModelConfig
from handspun.model.cost import flops_per_token
from record import append, described

SHAPE = ModelConfig(d_model=384, n_layers=6, n_heads=6, d_ff=1024, max_seq_len=512, tie_embeddings=False, qk_norm=False)
VOCAB_SIZE = 8192
MICRO_BATCH, SEQ_LEN = 8, 512
LR, GRAD_CLIP = 1e-3, 1.0
MATMUL_SIZE, MATMUL_RUNS = 2048, 5
WARM_UP_STEPS = 2
SPEED_BAR, MEMORY_BAR = 1.2, 0.75
Step = Callable[[], float]
"""One optimizer step; returns the loss in nats per token."""


def handspun(is_compiled: bool) -> tuple[Step, int]:
    """A step as `handspun train` takes it, and the number of weights."""
    import torch

    from handspun.model.transformer import Transformer
    from handspun.train.loss import next_token_loss

    keep_freed_memory()
    model = Transformer(SHAPE, VOCAB_SIZE, compute_dtype=torch.bfloat16).initialize(0)
    if is_compiled:
        model.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
    ids = torch.randint(0, VOCAB_SIZE, (MICRO_BATCH, SEQ_LEN + 1))
    counted = torch.ones(MICRO_BATCH, SEQ_LEN, dtype=torch.bool)

    def step() -> float:
        loss = next_token_loss(model, ids[:, :-1], ids[:, 1:], counted) / counted.numel()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step, sum(weight.numel() for weight in model.parameters())


def transformers(is_compiled: bool) -> tuple[Step, int]:
    """The same step with transformers' model under autocast, and the number of weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=SHAPE.d_model,
        intermediate_size=SHAPE.ff_width,
        num_hidden_layers=SHAPE.n_layers,
        num_attention_heads=SHAPE.n_heads,
        num_key_value_heads=SHAPE.kv_heads,
        max_position_embeddings=SHAPE.max_seq_len,
        tie_word_embeddings=SHAPE.tie_embeddings,
    )
    model = LlamaForCausalLM(config)
    if is_compiled:
        model.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
    ids = torch.randint(0, VOCAB_SIZE, (MICRO_BATCH, SEQ_LEN))

    def step() -> float:
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step, sum(weight.numel() for weight in model.parameters())


SIDES = {"handspun": handspun, "transformers": transformers}


def matmul_flops() -> float:
    """FLOP/s of the fastest of some bf16 matrix products: what the steps could reach at most."""
    import torch

    a = torch.randn(MATMUL_SIZE, MATMUL_SIZE).bfloat16()
    return 2 * MATMUL_SIZE**3 / min(seconds_of(lambda: a @ a) for _ in range(MATMUL_RUNS))


def seconds_of(run: Callable[[], Any]) -> float:
    """Wall seconds of one run."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def take_turn(side: str, is_compiled: bool, n_steps: int) -> dict[str, Any]:
    """What one process measures of one side."""
    import torch

    torch.set_num_threads(n_threads())
    step, n_params = SIDES[side](is_compiled)
    first_step_s = seconds_of(step)
    for _ in range(WARM_UP_STEPS - 1):
        step()
    seconds = [seconds_of(step) for _ in range(n_steps)]
    return {
        "n_params": n_params,
        "first_step_s": first_step_s,
        "tok_per_s": MICRO_BATCH * SEQ_LEN / median(seconds),
        "peak_bytes": peak_memory_bytes(),
        "matmul_flops": matmul_flops(),
    }


def ask_for_turn(side: str, arguments: argparse.Namespace, compiled: Path) -> dict[str, Any]:
    """One turn in a process of its own; compiled code is kept in a folder that was empty before the first turn."""
    command = [sys.executable, __file__, "--side", side, "--steps", str(arguments.steps)]
    command += ["--compile"] if arguments.compile else []
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(compiled / side)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Both sides in turns: medians over the rounds, the first step of the first round, and the ratios."""
    turns: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as compiled:
        for _ in range(arguments.rounds):
            for side, taken in turns.items():
                taken.append(ask_for_turn(side, arguments, Path(compiled)))
    assert len({turn["n_params"] for taken in turns.values() for turn in taken}) == 1, "the shapes differ"
    matmul = median(turn["matmul_flops"] for taken in turns.values() for turn in taken)
    measured = {side: summary(taken, matmul) for side, taken in turns.items()}
    ours, theirs = measured["handspun"], measured["transformers"]
    return {
        "mode": "compiled" if arguments.compile else "eager",
        "threads": n_threads(),
        "matmul_gflops": matmul / 1e9,
        **measured,
        "tok_per_s": {side: row["tok_per_s"] for side, row in measured.items()},
        "ratio": ours["tok_per_s"] / theirs["tok_per_s"],
        "speed_bar": SPEED_BAR,
        "memory_ratio": ours["peak_gib"] / theirs["peak_gib"],
        "memory_bar": MEMORY_BAR,
    }


def summary(turns: list[dict[str, Any]], matmul: float) -> dict[str, float]:
    """The turns of one side as one row of the table."""
    tok_per_s = median(turn["tok_per_s"] for turn in turns)
    return {
        "tok_per_s": tok_per_s,
        "matmul_share": tok_per_s * flops_per_token(SHAPE, VOCAB_SIZE, SEQ_LEN) / matmul,
        "first_step_s": turns[0]["first_step_s"],
        "peak_gib": median(turn["peak_bytes"] for turn in turns) / 2**30,
    }


def show(results: dict[str, Any], load: float) -> None:
    """The results of the comparison as a table."""
    print(f"{results['mode']}, {results['threads']} threads, matmul {results['matmul_gflops']:.0f} GFLOP/s, load {load:.1f}\n")
    print("| | tokens per second | share of matmul rate | first step, s | peak memory, GiB |\n|---|---|---|---|---|")
    for side in SIDES:
        row = results[side]
        figures = f"{row['tok_per_s']:,.0f} | {row['matmul_share']:.2f} | {row['first_step_s']:.1f} | {row['peak_gib']:.2f}"
        print(f"| {side} | {figures} |")
    print(f"| ratio (bar) | {results['ratio']:.2f} ({SPEED_BAR}) | | | {results['memory_ratio']:.2f} ({MEMORY_BAR}) |")


def parsed_arguments() -> argparse.Namespace:
    """What is to be measured, and how long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compile", action="store_true", help="torch.compile on both sides; needs a C++ compiler")
    parser.add_argument("--json", action="store_true", help="print the line of history.jsonl instead of the table")
    parser.add_argument("--rounds", type=int, default=3, help="how often both sides take their turn")
    parser.add_argument("--steps", type=int, default=6, help="optimizer steps to time in each turn")
    parser.add_argument("--side", choices=SIDES, help="take one turn here and print what was measured")
    parser.add_argument("--muon", action="store_true", help="the share of a step that Muon takes")
    parser.add_argument("--gpu", action="store_true", help="measure on a GPU")
    parser.add_argument("--case", choices=("124m", "qt-1b", "4.7b"), help="with --gpu: this case alone")
    parser.add_argument("--rehearse", action="store_true", help="with --gpu: on a CPU, at 1/64 of the width; no result")
    return parser.parse_args()


def one_turn(arguments: argparse.Namespace) -> dict[str, Any]:
    """What this process measures of one side."""
    if arguments.gpu:
        import train_gpu

        return train_gpu.take_turn(arguments)
    return take_turn(arguments.side, arguments.compile, arguments.steps)


def measure(arguments: argparse.Namespace) -> tuple[dict[str, Any], Callable[[dict[str, Any], float], None]]:
    """The results of what was asked for, and what shows them."""
    if arguments.muon:
        import train_muon

        return train_muon.measure(SHAPE, VOCAB_SIZE, MICRO_BATCH, SEQ_LEN, arguments.steps), train_muon.show
    if arguments.gpu:
        import train_gpu

        return train_gpu.measure(__file__, arguments), train_gpu.show
    return compare(arguments), show


def main() -> None:
    arguments = parsed_arguments()
    if arguments.side:
        print(json.dumps(one_turn(arguments)))
        return
    results, show_results = measure(arguments)
    line = described("train", results)
    if not arguments.rehearse:
        append(line)
    if arguments.json:
        print(json.dumps({**{key: results[key] for key in ("tok_per_s", "ratio") if key in results}, **line}))
    else:
        show_results(results, line["load"])


if __name__ == "__main__":
    main()
