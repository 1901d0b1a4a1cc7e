"""Training on one GPU, in bf16 and compiled: tokens per second, share of the GPU's peak, and memory, beside transformers.

    python benchmarks/train.py --gpu [--case 124m] [--json]
    python benchmarks/train.py --gpu --rehearse         the same code in a minute on a CPU, at 1/64 of the width

Each case takes whole optimizer steps through the trainer, on random tokens; the peer takes the same step with transformers'
model, torch.compile and autocast. Each turn is a process of its own. What fails is reported, and the next turn begins.
"""

import json
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
import transformers

from handspun.model.config import ModelConfig
from handspun.model.cost import flops_per_token, parameters
from handspun.model.transformer import Transformer
from handspun.peak import forget_peak_memory, peak_flops, peak_memory_bytes
from handspun.recipe import Recipe, load_recipe
from handspun.rehearsal import rehearsal
from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import Tokenizer
from handspun.train.batches import Batch, Batches
from handspun.train.trainer import Trainer

MFU_BAR, SPEED_BAR = 0.45, 1.0
GIB = 2**30
WARM_UP_STEPS = 2
TURN_TIMEOUT_S = 900
LR, GRAD_CLIP = 1e-4, 1.0
COMMON = ("train.optimizer=adamw", "train.compute_dtype=bfloat16", "train.warmup_steps=1")
Step = Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A shape to train: a recipe with overrides, and the stock shape that the peer trains."""

    recipe: str
    overrides: Sequence[str] = ()
    peer_overrides: Sequence[str] | None = ()
    """What turns the shape into one that transformers has, of the same size; None: no peer."""
    note: str = ""
    """How the peer's shape differs."""
    limit_gib: float | None = None
    """All that may be allocated on the GPU."""


CASES = {
    "124m": Case(
        recipe="portable-124m",
        overrides=("train.micro_batch=32", "train.batch_tokens=524288"),
    ),
    "qt-1b": Case(
        recipe="qt-1b",
        overrides=("train.micro_batch=32", "train.batch_tokens=262144"),
        peer_overrides=("model.position=rope", "model.activation=swiglu", "model.d_ff=5464"),
        note="the peer is a Llama of the same size: RoPE instead of ALiBi and NoPE, a gated feed-forward part of 5,464",
    ),
    "4.7b": Case(
        recipe="illuminator-4.7b",
        overrides=(
            "train.batch_tokens=8192",
            "train.activation_checkpointing=full",
            "train.offload=all",
            "train.parallel=auto",
        ),
        peer_overrides=None,
        limit_gib=24.0,
    ),
}


def recipe_of(case: Case, overrides: Sequence[str], *, is_rehearsed: bool) -> Recipe:
    """The recipe of one side, or its rehearsal."""
    compiled = "train.compile=true" if case.limit_gib is None else "train.compile=false"
    recipe = load_recipe(case.recipe, [*COMMON, compiled, *case.overrides, *overrides])
    return rehearsal(recipe, sources=("python",)) if is_rehearsed else recipe


class RandomBatches(Batches):
    """Stands in for a corpus: every step reads the same random tokens."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe.train, text=None, chats=None)
        rows, seq_len = recipe.train.micro_batch, recipe.train.seq_len
        ids = torch.randint(recipe.tokens.vocab_size, (rows, seq_len + 1))
        self.batch = Batch(ids[:, :-1], ids[:, 1:], torch.ones(rows, seq_len, dtype=torch.bool))

    def micro_batches(self, step: int, rank: int = 0, n_ranks: int = 1) -> list[Batch]:  # noqa: ARG002
        """The forwards of one optimizer step."""
        return [self.batch] * (self.config.grad_accum // n_ranks)


def handspun_step(recipe: Recipe, kind: str) -> Step:
    """A step as `handspun train` takes it."""
    model = Transformer(recipe.model, recipe.tokens.vocab_size, compute_dtype=torch.bfloat16).initialize(0)
    trainer = Trainer(
        model,
        RandomBatches(recipe),
        recipe.train,
        folder=Path("never saved"),
        tokenizer=Tokenizer.train(["a tokenizer goes into a checkpoint"], TokensConfig(vocab_size=264)),
        recipe="",
        identity="",
        seed=1,
        device=kind,
    )
    return lambda: trainer.take_step(1)


def transformers_step(recipe: Recipe, kind: str) -> Step:
    """The same step as a plain loop around transformers' model, compiled where ours is."""
    model = stock_model(recipe.model, recipe.tokens.vocab_size).to(kind)
    if recipe.train.compile:
        model.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
    train = recipe.train
    ids = torch.randint(recipe.tokens.vocab_size, (train.micro_batch, train.seq_len), device=kind)

    def step() -> None:
        for _ in range(train.grad_accum):
            with torch.autocast(kind, torch.bfloat16):
                loss = model(input_ids=ids, labels=ids).loss / train.grad_accum
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        optimizer.step()
        optimizer.zero_grad()

    return step


def stock_model(config: ModelConfig, vocab_size: int) -> Any:
    """transformers' own class of this shape, with fresh fp32 weights."""
    assert config.portable_as in ("LlamaForCausalLM", "Qwen3ForCausalLM"), config
    model_class = getattr(transformers, config.portable_as)
    settings = model_class.config_class(
        vocab_size=vocab_size,
        hidden_size=config.d_model,
        intermediate_size=config.ff_width,
        num_hidden_layers=config.n_layers,
        num_attention_heads=config.n_heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.head_dim,
        max_position_embeddings=config.max_seq_len,
        tie_word_embeddings=config.tie_embeddings,
        use_cache=False,
    )
    return model_class(settings)


SIDES = {"handspun": handspun_step, "transformers": transformers_step}


def overrides_of(case: Case, side: str) -> Sequence[str]:
    """What a side changes in the recipe of the case."""
    return (case.peer_overrides or ()) if side == "transformers" else ()


def take_turn(arguments: Namespace) -> dict[str, Any]:
    """What this process measures of one side of one case."""
    case, kind = CASES[arguments.case], "cpu" if arguments.rehearse else "cuda"
    if kind == "cuda" and case.limit_gib is not None:
        share = case.limit_gib * GIB / torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, share))
    recipe = recipe_of(case, overrides_of(case, arguments.side), is_rehearsed=arguments.rehearse)
    step = SIDES[arguments.side](recipe, kind)
    forget_peak_memory(kind)
    first_step_s = seconds_of(step, kind)
    for _ in range(WARM_UP_STEPS - 1):
        step()
    tok_per_s = recipe.train.batch_tokens / median(seconds_of(step, kind) for _ in range(arguments.steps))
    flops = flops_per_token(recipe.model, recipe.tokens.vocab_size, recipe.train.seq_len)
    peak = peak_flops(kind, "bfloat16")
    return {
        "n_params": sum(parameters(recipe.model, recipe.tokens.vocab_size).values()),
        "tok_per_s": tok_per_s,
        "mfu": None if peak is None else tok_per_s * flops / peak,
        "peak_gib": peak_memory_bytes(kind) / GIB,
        "first_step_s": first_step_s,
    }


def seconds_of(step: Step, kind: str) -> float:
    """Wall seconds of one step, the GPU's queue empty before and after."""
    wait = torch.cuda.synchronize if kind == "cuda" else lambda: None
    wait()
    began = time.perf_counter()
    step()
    wait()
    return time.perf_counter() - began


def ask_for_turn(script: str, name: str, side: str, arguments: Namespace) -> dict[str, Any]:
    """One turn in a process of its own; where it fails, the last line that it said."""
    command = [sys.executable, script, "--gpu", "--case", name, "--side", side, "--steps", str(arguments.steps)]
    command += ["--rehearse"] if arguments.rehearse else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TURN_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {TURN_TIMEOUT_S} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def measure(script: str, arguments: Namespace) -> dict[str, Any]:
    """Every case, or the one that is asked for, on both sides."""
    if not (arguments.rehearse or torch.cuda.is_available()):
        sys.exit("there is no GPU here; add --rehearse to try the code on a CPU")
    names = [arguments.case] if arguments.case else list(CASES)
    cases = {name: measured_case(script, name, arguments) for name in names}
    return {
        "mode": "rehearsal of the GPU benchmark on a CPU" if arguments.rehearse else "gpu",
        "gpu": gpu_name(),
        "cases": cases,
        "tok_per_s": {name: speeds_of(case) for name, case in cases.items()},
        "ratio": {name: case["ratio"] for name, case in cases.items() if "ratio" in case},
        "mfu_bar": MFU_BAR,
        "ratio_bar": SPEED_BAR,
    }


def measured_case(script: str, name: str, arguments: Namespace) -> dict[str, Any]:
    """Both sides of one case, one after the other, and how they compare."""
    case = CASES[name]
    sides = [side for side in SIDES if side == "handspun" or case.peer_overrides is not None]
    measured: dict[str, Any] = {side: ask_for_turn(script, name, side, arguments) for side in sides}
    ours, theirs = (speeds_of(measured).get(side) for side in SIDES)
    if ours and theirs:
        measured["ratio"] = ours / theirs
    return {**measured, "note": case.note, "limit_gib": case.limit_gib}


def speeds_of(case: dict[str, Any]) -> dict[str, float | None]:
    """Tokens per second of each side of a case; None of one that failed."""
    return {side: case[side].get("tok_per_s") for side in SIDES if side in case}


def gpu_name() -> str | None:
    """What the maker calls the GPU; None where there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def show(results: dict[str, Any], load: float) -> None:
    """The results as a table."""
    bars = f"bars: MFU {MFU_BAR} on an H200, {SPEED_BAR} times the tokens per second of the peer"
    print(f"{results['mode']}: {results['gpu'] or 'no GPU'}, load {load:.1f}; {bars}\n")
    columns = ("case", "side", "parameters", "tokens per second", "MFU", "peak memory, GiB", "first step, s")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name, case in results["cases"].items():
        for side in SIDES:
            if side in case:
                print(f"| {name} | {side} | {figures(case[side])} |")
        if "ratio" in case:
            print(f"| {name} | ratio | | {case['ratio']:.2f} | | | |")
    for name, case in results["cases"].items():
        if case["note"]:
            print(f"\n{name}: {case['note']}")


def figures(turn: dict[str, Any]) -> str:
    """One side of one case as cells."""
    if "error" in turn:
        return f"{turn['error']} | | | | "
    mfu = "" if turn["mfu"] is None else f"{turn['mfu']:.3f}"
    cells = f"{turn['n_params'] / 1e6:,.1f}M | {turn['tok_per_s']:,.0f} | {mfu} | {turn['peak_gib']:.2f}"
    return f"{cells} | {turn['first_step_s']:.1f}"
