"""What is answered does not depend on what else is asked: not on neighbors, shared beginnings, chunks or preemption."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import SHAPES, quoting_model, random_model

from handspun.errors import BusyError
from handspun.generate.blocks import BLOCK_TOKENS
from handspun.generate.config import GenerateConfig
from handspun.generate.limits import Limits
from handspun.generate.request import Reply, Request
from handspun.generate.torch_engine import TorchEngine
from handspun.model.cache import KVCache
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer

MODELS: dict[str, Transformer] = {}
CONFIGS = [
    GenerateConfig(max_new_tokens=20),
    GenerateConfig(max_new_tokens=20, temperature=1.5, seed=3),
    GenerateConfig(max_new_tokens=20, temperature=1.5, top_k=40, top_p=0.9, min_p=0.02, seed=4),
    GenerateConfig(max_new_tokens=20, repetition_penalty=1.4, repetition_window=8),
]


def build(shape: str, tokenizer: Tokenizer, **limits: int) -> TorchEngine:
    """An engine of its own on a model that all tests share, which speaks on as long as it may."""
    if shape not in MODELS:
        MODELS[shape] = random_model(shape, tokenizer.vocab_size)
    engine = TorchEngine(MODELS[shape], tokenizer, Limits(**limits))
    engine.ends = frozenset()
    return engine


def prompt(kind: int, n_shared: int, n_own: int, seed: int) -> list[int]:
    """A prompt that begins like all of its kind."""
    return [10 + (place * (37 + kind)) % 310 for place in range(n_shared)] + scattered(n_own, seed)


def scattered(n: int, seed: int) -> list[int]:
    """Ids of no order."""
    return [10 + pow(place + 2, seed + 2, 311) % 310 for place in range(n)]


def answer(reply: Reply) -> tuple[list[tuple[int, int | None]], str, str | None]:
    """All that must not depend on others."""
    return [(token.id, token.copied_from) for token in reply.tokens], reply.text, reply.finish_reason


ASKED = st.lists(
    st.tuples(
        st.tuples(st.integers(0, 1), st.integers(0, 36), st.integers(1, 10), st.integers(0, 99)),  # the prompt
        st.sampled_from(CONFIGS),
        st.integers(0, 12),  # the step in which it is asked
        st.none() | st.integers(0, 25),  # the step in which it is given up
    ),
    min_size=2,
    max_size=6,
)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=8)
@given(asked=ASKED, cache_blocks=st.integers(4, 12), max_rows=st.integers(2, 5), chunk_tokens=st.integers(1, 40))
def test_many_at_once_are_answered_as_each_alone(tokenizer, shape, asked, cache_blocks, max_rows, chunk_tokens):
    limits = {"max_rows": max_rows, "chunk_tokens": chunk_tokens, "cache_tokens": cache_blocks * BLOCK_TOKENS}
    engine, replies = build(shape, tokenizer, **limits), {}
    for step in range(2000):
        for number, (chosen, config, asked_at, left_at) in enumerate(asked):
            if asked_at == step:
                replies[number] = engine.add(Request(prompt(*chosen), config))
            if left_at is not None and left_at == step > asked_at:
                engine.cancel(replies[number])
        engine.step()
        if step > 25 and engine.is_idle:
            break
    assert engine.is_idle and engine.blocks.n_held == 0
    for reply in replies.values():
        alone = build(shape, tokenizer).generate([reply.prompt_ids], reply.request.config)[0]
        n_said = len(reply.tokens)
        if reply.finish_reason != "cancelled":
            assert answer(reply) == answer(alone)
        assert [token.id for token in reply.tokens] == [token.id for token in alone.tokens[:n_said]]
        expected = [token.log_prob for token in alone.tokens[:n_said]]
        assert [token.log_prob for token in reply.tokens] == pytest.approx(expected, abs=1e-3)


def test_a_row_that_is_preempted_says_what_it_would_have_said(tokenizer: Tokenizer) -> None:
    requests = [Request(prompt(number, 0, 20, number), CONFIGS[1]) for number in range(3)]
    engine = build("copy head", tokenizer, cache_tokens=4 * BLOCK_TOKENS)
    replies, n_preempted, n_running = [engine.add(request) for request in requests], 0, 0
    while not engine.is_idle:
        before = [row for row in engine.scheduler.running if row.ids != row.ids[:20]]
        engine.step()
        n_running = max(n_running, len(engine.scheduler.running))
        n_preempted += any(row in engine.scheduler.waiting for row in before)
    assert n_running == 2 and n_preempted > 0
    for request, reply in zip(requests, replies):
        alone = build("copy head", tokenizer).generate([request.prompt_ids], request.config)[0]
        assert answer(reply) == answer(alone)


def test_a_quoted_token_names_its_origin_in_a_prompt_that_was_read_for_others_in_part_and_again(tokenizer: Tokenizer) -> None:
    model, shared, settings = quoting_model(tokenizer.vocab_size), list(range(100, 134)), GenerateConfig(max_new_tokens=8)
    engine = TorchEngine(model, tokenizer, Limits(cache_tokens=5 * BLOCK_TOKENS, chunk_tokens=20))
    replies = engine.generate([[*shared, place, 90, shared[place]] for place in (3, 20, 33)], settings)
    assert max(reply.n_shared for reply in replies) == 2 * BLOCK_TOKENS
    for reply, place in zip(replies, (3, 20, 33)):
        origins = [token.copied_from for token in reply.tokens][: 36 - place]
        assert origins == list(range(place + 1, place + 1 + len(origins))) and len(origins) > 2


def test_a_later_request_shares_what_an_earlier_one_has_read_and_says_so(tokenizer: Tokenizer) -> None:
    engine = build("copy head", tokenizer)
    first, second, other = (
        engine.generate([prompt(kind, 40, 3, seed)], CONFIGS[0])[0] for kind, seed in ((0, 1), (0, 2), (1, 3))
    )
    assert (first.n_shared, second.n_shared, other.n_shared) == (0, 2 * BLOCK_TOKENS, 0)


def test_requests_that_come_together_read_their_common_beginning_once(tokenizer: Tokenizer) -> None:
    engine = build("ALiBi", tokenizer)
    replies = [engine.add(Request(prompt(0, 40, 3, seed), CONFIGS[0])) for seed in range(4)]
    while not engine.is_idle:
        engine.step()
    assert [reply.n_shared for reply in replies] == [0, *[2 * BLOCK_TOKENS] * 3]


def test_a_conversation_that_goes_on_shares_all_it_has_said(tokenizer: Tokenizer) -> None:
    engine = build("GPT-2", tokenizer)
    (first,) = engine.generate([prompt(0, 0, 20, 1)], CONFIGS[0])
    longer = [*first.prompt_ids, *(token.id for token in first.tokens), 50, 60]
    (second,) = engine.generate([longer], CONFIGS[0])
    assert second.n_shared == 2 * BLOCK_TOKENS
    assert answer(second) == answer(build("GPT-2", tokenizer).generate([longer], CONFIGS[0])[0])


def test_what_is_shared_is_given_up_where_others_need_the_room(tokenizer: Tokenizer) -> None:
    engine = build("GPT-2", tokenizer, cache_tokens=4 * BLOCK_TOKENS)
    shared = [engine.generate([prompt(kind, 30, 10, 0)], CONFIGS[0])[0].n_shared for kind in (0, 0, 1, 0)]
    assert shared == [0, 2 * BLOCK_TOKENS, 0, 0]


def test_blocks_come_to_be_with_need_up_to_their_limit(tokenizer: Tokenizer) -> None:
    engine = build("GPT-2", tokenizer, max_rows=4)
    assert len(engine.blocks.n_holders) == 0
    engine.generate([prompt(0, 0, 10, 0)], CONFIGS[0])
    assert len(engine.blocks.n_holders) == 2
    engine.generate([prompt(number, 0, 44, number) for number in range(8)], CONFIGS[0])
    assert len(engine.blocks.n_holders) * BLOCK_TOKENS == 4 * 64


def test_a_cache_that_is_not_there_at_once_grows_to_hold_the_blocks(tokenizer: Tokenizer) -> None:
    engine, stock = build("GPT-2", tokenizer), build("GPT-2", tokenizer)
    engine.cache = KVCache(engine.model.config, 0, dtype=torch.float32, device=engine.device)
    prompts = [prompt(number, 0, 44, number) for number in range(3)]
    assert [answer(reply) for reply in engine.generate(prompts, CONFIGS[0])] == [
        answer(reply) for reply in stock.generate(prompts, CONFIGS[0])
    ]
    assert 0 < engine.cache.n_places < stock.cache.n_places


def test_a_cache_smaller_than_the_context_makes_the_context_smaller(tokenizer: Tokenizer) -> None:
    engine = build("GPT-2", tokenizer, cache_tokens=20)
    assert engine.max_seq_len == 2 * BLOCK_TOKENS
    (reply,) = engine.generate([prompt(0, 0, 30, 0)], CONFIGS[0])
    assert (len(reply.tokens), reply.finish_reason) == (2, "length")


def test_a_request_too_many_is_refused_but_a_list_of_prompts_is_answered_in_turns(tokenizer: Tokenizer) -> None:
    engine = build("GPT-2", tokenizer, max_rows=2, max_waiting=3)
    prompts = [prompt(number, 0, 5, number) for number in range(12)]
    replies = engine.generate(prompts, CONFIGS[0])
    assert [reply.prompt_ids for reply in replies] == prompts and all(len(reply.tokens) == 20 for reply in replies)
    for ids in prompts[:3]:
        engine.add(Request(ids, CONFIGS[0]))
    with pytest.raises(BusyError, match="3 requests are waiting already"):
        engine.add(Request(prompts[3], CONFIGS[0]))


def test_a_cancelled_request_frees_its_blocks_at_once(tokenizer: Tokenizer) -> None:
    engine = build("copy head", tokenizer)
    reply, other = (engine.add(Request(prompt(number, 0, 20, number), CONFIGS[0])) for number in range(2))
    engine.step()
    held = engine.blocks.n_held
    engine.cancel(reply)
    assert engine.blocks.n_held == held - 2
    assert (reply.finish_reason, other.finish_reason) == ("cancelled", None)
    engine.cancel(other)
    engine.cancel(other)
    assert engine.is_idle and engine.blocks.n_held == 0 and engine.step() == []


def test_a_step_that_fails_leaves_the_cache_as_it_was(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = build("ALiBi", tokenizer)
    reply = engine.add(Request(prompt(0, 0, 20, 0), CONFIGS[0]))
    engine.step()

    def fail(*_: object, **__: object) -> torch.Tensor:
        raise MemoryError("none left")

    with monkeypatch.context() as patch:
        patch.setattr(engine.model, "forward", fail)
        with pytest.raises(MemoryError):
            engine.step()
    while not engine.is_idle:
        engine.step()
    assert answer(reply) == answer(build("ALiBi", tokenizer).generate([reply.prompt_ids], CONFIGS[0])[0])


def test_times_are_noted_in_order(tokenizer: Tokenizer) -> None:
    (reply,) = build("GPT-2", tokenizer).generate([prompt(0, 0, 5, 0)], CONFIGS[0])
    timing = reply.timing
    assert timing.started and timing.first_token and timing.ended
    assert timing.asked <= timing.started <= timing.first_token <= timing.ended
