"""How a reply is generated, as a request says it, and what generate's own config makes of it."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from handspun.generate.config import GenerateConfig
from handspun.serve.wire import Ignored, IndexName, NoPenalty, Wire, only

MAX_STOPS = 16
MAX_STOP_CHARS = 256
MAX_TOKENS = 2**31 - 1
N_SEEDS = 2**63
"""A greater seed begins again from 0."""

COLDEST = 1e-3
"""A temperature below it is taken for 0."""
SMALLEST_SHARE = 1e-6
"""A min_p below it is off; a top_p below it leaves the likeliest token alone."""

Stop = Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARS)]


One = Annotated[Annotated[float, Field(ge=1, le=1)] | None, only((None, 1), "only 1, which is off, is supported")]
Zero = Annotated[Annotated[int, Field(ge=0, le=0)] | None, only((None, 0), "only 0, which is off, is supported")]


class Sampling(Wire):
    """How tokens are chosen and what ends a reply. What is absent is as the model's own recipe says."""

    num_ctx: Annotated[int, Field(ge=2, le=MAX_TOKENS)] | None = None
    """tokens of prompt and reply together; never more than the model was made for"""
    temperature: Annotated[float, Field(ge=0, le=100)] | None = None
    """0: the likeliest token, always"""
    top_k: Annotated[int, Field(ge=-1, le=MAX_TOKENS)] | None = None
    """0 or -1: no limit"""
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Field(ge=0.01, le=100)] | None = None
    repeat_last_n: Annotated[int, Field(ge=-1, le=MAX_TOKENS)] | None = None
    """tokens in which a repetition counts; -1: the whole context"""
    seed: int | None = None
    """negative or absent: drawn anew for each reply"""
    stop: Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] | None = None
    presence_penalty: NoPenalty = None
    frequency_penalty: NoPenalty = None


class Options(Sampling):
    """The same and more, in Ollama's words."""

    num_predict: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | Annotated[int, Field(ge=-2, le=-1)] | None = None
    """longest reply; negative: until the context is full"""
    truncate: bool | None = None
    """leave out what is oldest where a prompt is too long, for clients that cannot say so beside the options"""
    index: IndexName | None = None
    """the index to answer through, for clients that cannot name one beside the options"""
    typical_p: One = None
    tfs_z: One = None
    mirostat: Zero = None
    mirostat_tau: Ignored = None
    mirostat_eta: Ignored = None
    penalize_newline: Ignored = None
    num_keep: Ignored = None
    num_batch: Ignored = None
    num_gqa: Ignored = None
    num_gpu: Ignored = None
    main_gpu: Ignored = None
    num_thread: Ignored = None
    numa: Ignored = None
    low_vram: Ignored = None
    f16_kv: Ignored = None
    logits_all: Ignored = None
    vocab_only: Ignored = None
    use_mmap: Ignored = None
    use_mlock: Ignored = None
    embedding_only: Ignored = None


def joined(created_with: Mapping[str, Any], asked: Options | None) -> Options:
    """What a request asks for, and beside it what the model was created with."""
    return Options(**{**created_with, **(asked.model_dump(exclude_none=True) if asked else {})})


def sampling(options: Options, config: GenerateConfig, room: int) -> GenerateConfig:
    """`config`, changed where the options say something, for a reply of at most `room` tokens.

    A seed is drawn where none is given: who asks twice would otherwise hear the same reply.
    """
    wanted = config.max_new_tokens if options.num_predict is None else options.num_predict
    n_tokens = min(wanted, room) if wanted > 0 else room
    seed = secrets.randbelow(N_SEEDS) if options.seed is None or options.seed < 0 else options.seed % N_SEEDS
    return replace(config, max_new_tokens=n_tokens, seed=seed, **limits(options), **endings(options))


def limits(options: Options) -> dict[str, Any]:
    """What the options change of which tokens may come."""
    changes: dict[str, Any] = {}
    if options.temperature is not None:
        changes["temperature"] = options.temperature if options.temperature >= COLDEST else None
    if options.top_k is not None:
        changes["top_k"] = options.top_k if options.top_k > 0 else None
    if options.top_p is not None:
        changes["top_p"] = max(options.top_p, SMALLEST_SHARE)
    if options.min_p is not None:
        changes["min_p"] = options.min_p if options.min_p >= SMALLEST_SHARE else None
    return changes


def endings(options: Options) -> dict[str, Any]:
    """What the options change of repetitions and of what ends a reply."""
    changes: dict[str, Any] = {}
    if options.repeat_penalty is not None:
        changes["repetition_penalty"] = options.repeat_penalty
    if options.repeat_last_n is not None:
        changes["repetition_window"] = options.repeat_last_n if options.repeat_last_n > 0 else None
    if options.repeat_last_n == 0:
        changes["repetition_penalty"] = 1.0
    if options.stop is not None:
        changes["stop"] = (options.stop,) if isinstance(options.stop, str) else tuple(options.stop)
    return changes


def options_of(config: GenerateConfig) -> dict[str, Any]:
    """`config` in Ollama's words; a seed is not among them, since replies are not to be alike."""
    options = {
        "num_predict": config.max_new_tokens,
        "temperature": config.temperature or 0.0,
        "top_k": config.top_k,
        "top_p": config.top_p,
        "min_p": config.min_p,
        "repeat_penalty": config.repetition_penalty,
        "repeat_last_n": config.repetition_window,
        "stop": list(config.stop),
    }
    return {name: value for name, value in options.items() if value is not None}
