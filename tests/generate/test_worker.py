"""A worker answers many callers at once, in order for each, stops what nobody listens to, and outlives a step that fails."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from small_models import random_model

from handspun.errors import BusyError, PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.request import Piece, Request
from handspun.generate.torch_engine import TorchEngine
from handspun.generate.worker import Worker
from handspun.tokens.tokenizer import Tokenizer

PROMPTS = [[20, 30, 40], [25], [60, 70], [25, 30, 20, 21]]
CONFIG, LONG = GenerateConfig(max_new_tokens=12), GenerateConfig(max_new_tokens=60)


@pytest.fixture
def worker(tokenizer: Tokenizer) -> Iterator[Worker]:
    engine = TorchEngine(random_model("copy head", tokenizer.vocab_size), tokenizer)
    engine.ends = frozenset()
    worker = Worker(engine)
    yield worker
    worker.close()


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it on an event loop, within a time in which everything here must be over."""
    asyncio.run(asyncio.wait_for(main(), 30))


async def said(worker: Worker, prompt: list[int]) -> str:
    """The whole reply."""
    return "".join([piece.text async for piece in worker.pieces(Request(prompt, CONFIG))])


async def until_idle(worker: Worker) -> None:
    """Wait until nothing is open."""
    while worker.n_open or not worker.engine.is_idle:
        await asyncio.sleep(0.001)


def test_callers_side_by_side_hear_what_each_would_hear_alone(worker: Worker) -> None:
    alone = [worker.engine.generate([prompt], CONFIG)[0].text for prompt in PROMPTS]

    async def main() -> None:
        assert await asyncio.gather(*(said(worker, prompt) for prompt in PROMPTS)) == alone
        assert worker.n_open == 0

    run(main)


def test_a_caller_that_is_slow_to_listen_hears_the_whole_reply(worker: Worker) -> None:
    alone = worker.engine.generate([PROMPTS[0]], CONFIG)[0].text

    async def main() -> None:
        heard = []
        async for piece in worker.pieces(Request(PROMPTS[0], CONFIG)):
            while worker.n_open:  # the event loop stands still while the engine goes on to the end
                time.sleep(0.001)
            heard.append(piece)
        assert "".join(piece.text for piece in heard) == alone
        assert [piece.finish_reason for piece in heard] == [None] * 11 + ["length"]

    run(main)


def test_a_caller_that_leaves_cancels_its_request(worker: Worker) -> None:
    async def main() -> None:
        pieces = worker.pieces(Request([20, 30], LONG))
        piece = await anext(pieces)
        await pieces.aclose()
        await until_idle(worker)
        assert piece.reply.finish_reason == "cancelled"
        assert len(piece.reply.tokens) < 60

    run(main)


@pytest.mark.parametrize("n_turns", range(6))
def test_a_caller_that_leaves_at_any_moment_leaves_nothing_behind(worker: Worker, n_turns: int) -> None:
    async def main() -> None:
        callers = [asyncio.create_task(said(worker, prompt)) for prompt in PROMPTS * 3]
        for _ in range(n_turns):
            await asyncio.sleep(0)
        for caller in callers[::2]:
            caller.cancel()
        answers = await asyncio.gather(*callers, return_exceptions=True)
        assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
        assert all(isinstance(answer, str) for answer in answers[1::2])
        await until_idle(worker)

    run(main)


def test_a_prompt_that_cannot_be_answered_is_refused_to_its_caller_alone(worker: Worker) -> None:
    async def main() -> None:
        with pytest.raises(PromptError, match="the prompt is empty"):
            await anext(worker.pieces(Request([], CONFIG)))
        assert [piece async for piece in worker.pieces(Request([20], CONFIG))]

    run(main)


def test_a_step_that_fails_is_told_to_all_who_listen_and_the_next_is_answered(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = worker.engine.generate([PROMPTS[0]], CONFIG)[0].text

    def step() -> list[Piece]:
        raise MemoryError("no room for the keys")

    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(worker.engine, "step", step)
            answers = await asyncio.gather(*(said(worker, prompt) for prompt in PROMPTS), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["no room for the keys"] * len(PROMPTS)
        assert all(isinstance(answer, MemoryError) for answer in answers)
        await until_idle(worker)
        assert await said(worker, PROMPTS[0]) == expected

    run(main)


def test_who_listens_on_a_loop_that_has_closed_is_given_up(worker: Worker) -> None:
    async def leave() -> None:
        pieces.append(worker.pieces(Request([20], LONG)))
        await anext(pieces[0])

    async def main() -> None:
        await until_idle(worker)
        assert await said(worker, PROMPTS[1])

    pieces: list[Any] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    run(main)


def test_a_worker_that_closes_cancels_what_is_open_and_takes_no_more(worker: Worker) -> None:
    async def main() -> None:
        heard = [piece async for piece in worker.pieces(Request([20], LONG)) if closed_after(piece)]
        assert heard[-1].reply.finish_reason == "cancelled"
        with pytest.raises(BusyError, match="ask again"):
            await said(worker, PROMPTS[0])
        with pytest.raises(BusyError, match="ask again"):
            await worker.embed(PROMPTS)
        worker.close()

    def closed_after(piece: Piece) -> bool:
        if not worker.is_closed:
            worker.close()
        return True

    run(main)


def test_embeddings_are_vectors_of_length_one_that_do_not_depend_on_their_neighbors(worker: Worker) -> None:
    async def main() -> None:
        together = await worker.embed(PROMPTS)
        alone = await worker.embed(PROMPTS[2:3])
        assert together.norm(dim=-1).tolist() == pytest.approx([1.0] * len(PROMPTS))
        assert together[2].tolist() == pytest.approx(alone[0].tolist(), abs=1e-5)

    run(main)
