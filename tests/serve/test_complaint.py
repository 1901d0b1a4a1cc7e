"""What is wrong with a body is said in the words of who sent it."""

import pytest
from live import Live

WRONG = {
    "a list": (b"[]", "the body=[]: should be a JSON object"),
    "a number for a message": (b'{"model": "tiny", "messages": [5]}', "messages.0=5: should be a JSON object"),
    "a list for options": (b'{"model": "tiny", "options": []}', "options=[]: should be a JSON object"),
    "no grammar": (b"{", "the body is not JSON: "),
    "another encoding": (b'{"model": "\xff"}', "the body is not UTF-8 from byte 11 on; "),
    "a pit": (b"[" * 100_000, "the body nests too deep; "),
    "two kinds, both wrong": (b'{"model": "tiny", "format": 5}', "format=5: should be '' or 'json' or a JSON object"),
}


@pytest.mark.parametrize(("body", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_body_that_cannot_be_read_is_explained(live: Live, body: bytes, sentence: str) -> None:
    with live.client as client:
        answer = client.post("/api/chat", content=body)
    assert (answer.status_code, answer.json()["error"][: len(sentence)]) == (400, sentence)


def test_an_address_that_cannot_be_is_explained_though_nothing_was_sent(live: Live) -> None:
    with live.client as client:
        answer = client.post("/api/blobs/xyz")
        missing = client.post("/api/chat")
    assert answer.json()["error"] == 'digest="xyz": must be sha256, a colon and 64 hexadecimal digits'
    assert (answer.status_code, missing.json()["error"]) == (400, "missing request body")


EMPTY = {
    "nothing to read": ({"input": []}, "input=[]: is empty; give at least one"),
    "an empty text": ({"input": ["a", ""]}, 'input.1="": must not be empty'),
    "a number": ({"input": 5}, "input=5: should be a valid string or a valid list"),
}


@pytest.mark.parametrize(("body", "sentence"), EMPTY.values(), ids=EMPTY.keys())
def test_of_several_kinds_the_one_that_was_sent_is_explained(live: Live, body: dict, sentence: str) -> None:
    with live.client as client:
        answer = client.post("/v1/embeddings", json={"model": "tiny", **body})
    assert answer.json()["error"]["message"] == sentence


def test_options_that_cannot_change_anything_here_are_taken_and_others_are_not(live: Live) -> None:
    with live.client as client:
        taken = client.post("/api/chat", json={"model": "tiny", "options": {"num_gqa": 1, "numa": False, "num_thread": 4}})
        refused = client.post("/api/chat", json={"model": "tiny", "options": {"rope_frequency_base": 1e6}})
    assert taken.status_code == 200
    assert refused.json()["error"] == '"options.rope_frequency_base" is not known here; leave it out'
