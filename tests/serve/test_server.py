"""Many clients at once are all answered, each as it would be alone, and slow ones hold nobody up."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from live import Live

from handspun.machine import resident_bytes

PROMPTS = [f"What is a {thing}?" for thing in ("shard", "token", "chunk", "prompt", "reply", "corpus", "batch", "layer")]


def asked(prompt: str, **changes: object) -> dict:
    return {"model": "tiny", "prompt": prompt, "options": {"temperature": 0, "num_predict": 12}, **changes}


def test_clients_side_by_side_are_told_what_each_would_be_told_alone(live: Live) -> None:
    async def said(client: httpx.AsyncClient, prompt: str) -> str:
        return (await client.post("/api/generate", json=asked(prompt, stream=False))).json()["response"]

    async def main() -> None:
        async with httpx.AsyncClient(base_url=live.url, timeout=60) as client:
            alone = [await said(client, prompt) for prompt in PROMPTS]
            assert await asyncio.gather(*(said(client, prompt) for prompt in PROMPTS)) == alone

    asyncio.run(main())


def test_the_server_answers_while_a_model_is_loaded_and_while_it_speaks(serve: Callable[..., Live], endless_run: Path) -> None:
    live = serve([endless_run])

    async def main() -> None:
        async with httpx.AsyncClient(base_url=live.url, timeout=60) as client:
            asking = {"model": "endless", "prompt": "x", "options": {"num_predict": 4000}}
            async with client.stream("POST", "/api/generate", json=asking) as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                assert (await client.get("/healthz", timeout=5)).status_code == 200
                assert len((await client.get("/api/ps", timeout=5)).json()["models"]) == 1

    asyncio.run(main())


async def read_slowly(url: str, body: dict) -> dict:
    """The last line of a stream that is taken a little at a time, with pauses."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 14)
    data = json.dumps(body).encode()
    head = (
        f"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    )
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + data)
    received = b""
    while part := await reader.read(512):
        received += part
        await asyncio.sleep(0.05)
    writer.close()
    assert b" 200 OK" in received.splitlines()[0], received[:200]
    *_, last = [line for line in received.splitlines() if line.startswith(b"{")]
    return json.loads(last)


@pytest.mark.slow
def test_two_hundred_slow_readers_are_all_answered_in_little_memory(serve: Callable[..., Live]) -> None:
    live = serve()

    async def main(n_clients: int) -> None:
        answers = await asyncio.gather(*(read_slowly(live.url, asked(f"What is {n}?")) for n in range(n_clients)))
        assert all(answer["done"] for answer in answers)

    asyncio.run(main(2))
    before = resident_bytes()
    asyncio.run(main(200))
    assert resident_bytes() - before < 40 << 20  # clients included: they are in this process, too
