"""A worker answers many callers at once, in order for each, and stops what nobody listens to."""

import asyncio

import pytest

from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.request import Request
from handspun.generate.torch_engine import TorchEngine
from handspun.generate.worker import Worker

PROMPTS = [[20, 30, 40], [25], [60, 70], [25, 30, 20, 21]]
CONFIG = GenerateConfig(max_new_tokens=12)


def test_callers_side_by_side_hear_what_each_would_hear_alone(copying_engine: TorchEngine) -> None:
    async def said(worker: Worker, prompt: list[int]) -> str:
        return "".join([piece.text async for piece in worker.pieces(Request(prompt, CONFIG))])

    async def main() -> list[str]:
        worker = Worker(copying_engine)
        try:
            return await asyncio.gather(*(said(worker, prompt) for prompt in PROMPTS))
        finally:
            worker.close()

    assert asyncio.run(main()) == [copying_engine.generate([prompt], CONFIG)[0].text for prompt in PROMPTS]


def test_a_caller_that_leaves_cancels_its_request(copying_engine: TorchEngine) -> None:
    async def main() -> None:
        worker = Worker(copying_engine)
        pieces = worker.pieces(Request([20, 30], GenerateConfig(max_new_tokens=60)))
        piece = await anext(pieces)
        await pieces.aclose()
        while worker.n_open:
            await asyncio.sleep(0.001)
        worker.close()
        assert piece.reply.finish_reason == "cancelled"
        assert len(piece.reply.tokens) < 60

    asyncio.run(main())


def test_a_prompt_that_cannot_be_answered_is_refused_to_its_caller_alone(copying_engine: TorchEngine) -> None:
    async def main() -> None:
        worker = Worker(copying_engine)
        try:
            with pytest.raises(PromptError, match="the prompt is empty"):
                await anext(worker.pieces(Request([], CONFIG)))
            assert [piece async for piece in worker.pieces(Request([20], CONFIG))]
        finally:
            worker.close()

    asyncio.run(main())


def test_embeddings_are_vectors_of_length_one_that_do_not_depend_on_their_neighbors(copying_engine: TorchEngine) -> None:
    async def main() -> None:
        worker = Worker(copying_engine)
        together = await worker.embed(PROMPTS)
        alone = await worker.embed(PROMPTS[2:3])
        worker.close()
        assert together.norm(dim=-1).tolist() == pytest.approx([1.0] * len(PROMPTS))
        assert together[2].tolist() == pytest.approx(alone[0].tolist(), abs=1e-5)

    asyncio.run(main())
