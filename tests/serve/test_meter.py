"""Prometheus reads what was asked, what was said, how long it took, and how full it is."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
from live import Live
from prometheus_client.parser import text_string_to_metric_families

ASKED = {"model": "tiny", "prompt": "What is a shard?", "stream": False, "options": {"temperature": 0, "num_predict": 5}}


def numbers(live: Live) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    with live.client as client:
        text = client.get("/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_requests_tokens_and_times_are_counted(serve: Callable[..., Live]) -> None:
    live = serve()
    assert numbers(live)[("handspun_models_loaded",)] == 0
    with live.client as client:
        answers = [client.post("/api/generate", json=ASKED).json() for _ in range(2)]
        assert client.post("/api/generate", json={**ASKED, "model": "huge"}).status_code == 404
        client.get("/nowhere")
    found = numbers(live)
    assert found[("handspun_requests_total", "POST", "/api/generate", "200")] == 2
    assert found[("handspun_requests_total", "POST", "/api/generate", "404")] == 1
    assert found[("handspun_requests_total", "other", "other", "404")] == 1
    assert found[("handspun_prompt_tokens_total", "tiny:latest")] == sum(answer["prompt_eval_count"] for answer in answers)
    assert found[("handspun_reply_tokens_total", "tiny:latest")] == sum(answer["eval_count"] for answer in answers)
    assert found[("handspun_first_token_seconds_count", "tiny:latest")] == 2
    assert 0 < found[("handspun_first_token_seconds_sum", "tiny:latest")] < 60
    assert found[("handspun_model_loads_total", "tiny:latest")] == 1
    assert found[("handspun_models_loaded",)] == 1
    assert found[("handspun_model_bytes", "tiny:latest")] > 0
    assert found[("handspun_model_requests", "tiny:latest")] == 0


def test_how_full_a_model_is_can_be_seen_while_it_speaks_and_after_its_clients_have_left(
    serve: Callable[..., Live], endless_run: Path
) -> None:
    live = serve([endless_run], max_rows=2, num_ctx=4000)
    asked = {"model": "endless", "prompt": "x", "options": {"num_predict": 7000}}

    async def listen(client: httpx.AsyncClient) -> None:
        async with client.stream("POST", "/api/generate", json=asked) as answer:
            async for _ in answer.aiter_lines():
                pass

    async def until(n_running: int, n_waiting: int) -> dict[tuple[str, ...], float]:
        async with asyncio.timeout(30):
            while True:
                found = await asyncio.to_thread(numbers, live)
                seen = [found.get((f"handspun_{name}", "endless:latest")) for name in ("replies_running", "queue_length")]
                if seen == [n_running, n_waiting]:
                    return found

    async def main() -> None:
        async with httpx.AsyncClient(base_url=live.url, timeout=60) as client:
            listening = [asyncio.create_task(listen(client)) for _ in range(3)]
            found = await until(2, 1)
            used = found[("handspun_kv_tokens_used", "endless:latest")]
            assert 0 < used <= found[("handspun_kv_tokens", "endless:latest")] == 8000
            for task in listening:
                task.cancel()
            assert (await until(0, 0))[("handspun_kv_tokens_used", "endless:latest")] == 0

    asyncio.run(main())


def test_addresses_that_do_not_exist_do_not_fill_the_numbers(serve: Callable[..., Live]) -> None:
    live = serve()
    with live.client as client:
        for number in range(20):
            client.request(f"M{number}", f"/nowhere/{number}")
    counted = [key for key in numbers(live) if key[0] == "handspun_requests_total"]
    assert len(counted) <= 2
