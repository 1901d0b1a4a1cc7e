"""llama.cpp behind our engine: what is asked of it means what it means on torch."""

import gc
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from handspun.errors import BusyError, CheckpointError, PromptError
from handspun.export.gguf import export_gguf
from handspun.generate.config import GenerateConfig
from handspun.generate.constraint import Constraint
from handspun.generate.engine import Load
from handspun.generate.limits import Limits
from handspun.generate.llamacpp_engine import LlamaCppEngine
from handspun.generate.request import Request
from handspun.generate.torch_engine import TorchEngine
from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import Tokenizer
from portable import PORTABLE, portable_model

pytest.importorskip("llama_cpp", reason='llama-cpp-python is compiled for minutes: pip install "handspun[llamacpp]"')

Opened = Callable[..., LlamaCppEngine]
PROMPTS = [[20, 30, 40], list(range(50, 90)), [21], [60, 61]]
LEVEL = 0.02
"""Nats between tokens that are as good as equally likely: keys and values are fp16 in llama.cpp."""


@pytest.fixture(scope="module")
def files(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The fp32 files of the portable models."""
    folder = tmp_path_factory.mktemp("exported")
    paths = {name: folder / f"{name}.gguf" for name in PORTABLE}
    for name, path in paths.items():
        export_gguf(portable_model(name, tokenizer.vocab_size), tokenizer, path, name=name, dtype="f32")
    return paths


@pytest.fixture
def opened(files: dict[str, Path], tokenizer: Tokenizer) -> Opened:
    """Opens one of the portable models."""
    return lambda name="qwen3", **limits: LlamaCppEngine(files[name], tokenizer, Limits(**limits))


def said(engine: LlamaCppEngine | TorchEngine, prompt: list[int], **config: object) -> list[int]:
    (reply,) = engine.generate([prompt], GenerateConfig(**{"max_new_tokens": 16, **config}))
    return [token.id for token in reply.tokens]


@pytest.mark.parametrize("name", PORTABLE)
def test_its_greedy_reply_is_that_of_torch(name: str, opened: Opened, tokenizer: Tokenizer) -> None:
    ours, theirs = TorchEngine(portable_model(name, tokenizer.vocab_size), tokenizer), opened(name)
    request = {"config": GenerateConfig(max_new_tokens=12), "n_likeliest": 2}
    n_same = 0
    for prompt in PROMPTS:
        pairs = [[piece.reply for piece in engine.stream([Request(prompt, **request)])][-1] for engine in (ours, theirs)]
        for our, their in zip(*(reply.tokens for reply in pairs)):
            assert our.log_prob == pytest.approx(their.log_prob, abs=LEVEL)
            if our.id != their.id:
                assert our.likeliest[0].log_prob - our.likeliest[1].log_prob < LEVEL
                break
            n_same += 1
        else:
            assert (pairs[0].text, pairs[0].finish_reason) == (pairs[1].text, pairs[1].finish_reason)
    assert n_same >= 24


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.9, "top_k": 40, "top_p": 0.95, "seed": 3},
        {"repetition_penalty": 1.5, "repetition_window": 4},
        {"temperature": 1.0, "min_p": 0.01, "repetition_penalty": 1.2},
    ],
)
def test_every_way_of_choosing_chooses_what_torch_does(settings: dict, opened: Opened, tokenizer: Tokenizer) -> None:
    ours, theirs = TorchEngine(portable_model("llama", tokenizer.vocab_size), tokenizer), opened("llama")
    agreed = [said(ours, prompt, **settings)[:4] == said(theirs, prompt, **settings)[:4] for prompt in PROMPTS]
    assert sum(agreed) >= 3  # one may meet tokens that are all but level


def test_rows_side_by_side_say_what_they_say_alone(opened: Opened) -> None:
    alone = [said(opened(), prompt) for prompt in PROMPTS]
    replies = opened(max_rows=3, chunk_tokens=7).generate(PROMPTS, GenerateConfig(max_new_tokens=16))
    together = [[token.id for token in reply.tokens] for reply in replies]
    assert together == alone
    assert all(reply.timing.started is not None and reply.n_shared == 0 for reply in replies)


def test_a_seed_gives_its_reply_again_beside_whatever_else_is_asked(opened: Opened) -> None:
    engine, config = opened(), GenerateConfig(temperature=1.5, seed=7, max_new_tokens=12)
    first = said(engine, PROMPTS[0], temperature=1.5, seed=7, max_new_tokens=12)
    again = engine.generate([PROMPTS[1], PROMPTS[0]], config)[1]
    assert [token.id for token in again.tokens] == first
    assert said(engine, PROMPTS[0], temperature=1.5, seed=8, max_new_tokens=12) != first


def test_a_slot_is_clean_for_the_next_who_gets_it(opened: Opened) -> None:
    engine = opened(max_rows=1)
    fresh = said(opened(), PROMPTS[0])
    said(engine, PROMPTS[1])
    assert said(engine, PROMPTS[0]) == fresh
    assert engine.is_idle and engine.load == Load(0, 0, 0, 64)


def test_what_is_cancelled_frees_its_slot_and_what_waits_is_forgotten(opened: Opened) -> None:
    engine = opened(max_rows=1)
    running, waiting, last = (engine.add(Request(prompt)) for prompt in PROMPTS[:3])
    engine.step()
    assert engine.load == Load(1, 2, 3, 64)
    engine.cancel(running)
    engine.cancel(waiting)
    assert [running.finish_reason, waiting.finish_reason, last.finish_reason] == ["cancelled", "cancelled", None]
    engine.step()
    assert len(last.tokens) == 1 and (len(running.tokens), len(waiting.tokens)) == (1, 0)
    engine.cancel(last)
    assert engine.is_idle


def test_who_may_not_wait_any_more_is_refused(opened: Opened) -> None:
    engine = opened(max_rows=1, max_waiting=1)
    engine.add(Request([20]))
    with pytest.raises(BusyError, match="1 requests are waiting already"):
        engine.add(Request([21]))


def test_a_request_waits_until_there_is_room_for_its_longest_reply(opened: Opened) -> None:
    engine = opened(max_rows=2, cache_tokens=40)
    replies = [engine.add(Request([20], GenerateConfig(max_new_tokens=29))) for _ in range(2)]
    engine.step()
    assert engine.max_seq_len == 40 and [len(reply.tokens) for reply in replies] == [1, 0]
    while not engine.is_idle:
        engine.step()
    assert [token.id for token in replies[0].tokens] == [token.id for token in replies[1].tokens]


def test_a_stop_text_ends_the_reply_and_is_not_shown(opened: Opened) -> None:
    (free,) = opened().generate([PROMPTS[0]], GenerateConfig(max_new_tokens=12))
    stop = free.text[2:4]
    (stopped,) = opened().generate([PROMPTS[0]], GenerateConfig(max_new_tokens=12, stop=(stop,)))
    assert stopped.finish_reason == "stop" and stopped.text == free.text[: free.text.index(stop)]


@pytest.mark.parametrize("seed", range(4))
def test_replies_keep_to_a_schema(seed: int, opened: Opened) -> None:
    parts = {"ok": {"type": "boolean"}, "size": {"enum": ["small", "large"]}}
    schema = {"type": "object", "properties": parts, "required": [*parts], "additionalProperties": False}
    request = Request([20], GenerateConfig(temperature=1.0, seed=seed), Constraint(schema))
    reply = [piece.reply for piece in opened().stream([request])][-1]
    if reply.finish_reason == "end":
        assert set(json.loads(reply.text)) == {"ok", "size"}
    else:
        assert reply.finish_reason == "length" and reply.text.startswith("{")


def test_a_control_token_ends_the_reply(opened: Opened) -> None:
    engine = opened()
    first = said(engine, PROMPTS[0])
    engine.ends = frozenset(first[3:4])
    (reply,) = engine.generate([PROMPTS[0]], GenerateConfig())
    assert [token.id for token in reply.tokens] == first[: first.index(first[3])] and reply.finish_reason == "end"


def test_the_likeliest_are_noted_and_nothing_is_quoted(opened: Opened) -> None:
    pieces = list(opened().stream([Request([20, 30], GenerateConfig(max_new_tokens=2), n_likeliest=3)]))
    for token in pieces[-1].reply.tokens:
        assert len(token.likeliest) == 3 and token.copied_from is None
        assert token.log_prob == pytest.approx(token.likeliest[0].log_prob)


def test_prompts_are_refused_as_on_torch(opened: Opened) -> None:
    for prompt, complaint in (([], "the prompt is empty"), ([20] * 64, "the prompt has 64 tokens and this model reads 64")):
        with pytest.raises(PromptError, match=complaint):
            opened().add(Request(prompt))
    assert opened().add(Request([20] * 64, may_truncate=True)).n_truncated == 16


@pytest.mark.parametrize("name", PORTABLE)
def test_texts_become_the_vectors_that_they_are_on_torch(name: str, opened: Opened, tokenizer: Tokenizer) -> None:
    engine = opened(name)
    vectors = engine.embed([*PROMPTS, list(range(20, 84))])
    expected = TorchEngine(portable_model(name, tokenizer.vocab_size), tokenizer).embed([*PROMPTS, list(range(20, 84))])
    torch.testing.assert_close(vectors, expected, atol=0.003, rtol=0)
    assert not torch.allclose(vectors[0], vectors[1], atol=0.1)
    with pytest.raises(PromptError, match="the text has 65 tokens and this model reads 1 to 64"):
        engine.embed([[20] * 65])


def test_a_file_of_another_vocabulary_is_refused(files: dict[str, Path]) -> None:
    other = Tokenizer.train(["a shard holds words, "] * 99, TokensConfig(vocab_size=264))
    with pytest.raises(CheckpointError, match=r"qwen3\.gguf has 320 tokens and its run 264; export the run again"):
        LlamaCppEngine(files["qwen3"], other)


def test_what_llama_cpp_holds_is_freed_with_the_engine(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened()
    engine.embed([[20]])
    freed: list[object] = []
    library = engine.context.library
    free = library.llama_free
    monkeypatch.setattr(library, "llama_free", lambda context: (freed.append(context), free(context)))
    del engine
    gc.collect()
    assert len(freed) == 2
