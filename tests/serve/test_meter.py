"""Prometheus reads what was asked, what was said, how long it took, and how full it is."""

from collections.abc import Callable

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


def test_addresses_that_do_not_exist_do_not_fill_the_numbers(serve: Callable[..., Live]) -> None:
    live = serve()
    with live.client as client:
        for number in range(20):
            client.request(f"M{number}", f"/nowhere/{number}")
    counted = [key for key in numbers(live) if key[0] == "handspun_requests_total"]
    assert len(counted) <= 2
