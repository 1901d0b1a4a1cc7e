"""The server answers."""

from live import Live


def test_health_says_who_answers(live: Live) -> None:
    with live.client as client:
        answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["server"] == "handspun"
