"""The doctor runs kernels, says what will be chosen, and fails where nothing can be trained."""

import json
import socket

import pytest

from handspun import device
from handspun.cli import doctor as room
from handspun.cli.app import run
from handspun.errors import DeviceError


def test_the_report_is_one_json_object_with_what_was_measured(capsys: pytest.CaptureFixture) -> None:
    assert run(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"machine", "disk", "port", "compiler", "device", "kernels", "problem"}
    assert report["device"]["kind"] in ("cuda", "mps", "cpu")
    assert [kernel["name"] for kernel in report["kernels"]][:2] == ["matmul float32", "matmul bfloat16"]
    assert report["problem"] is None


def test_the_report_for_people_names_choice_and_reason(capsys: pytest.CaptureFixture) -> None:
    assert run(["doctor"]) == 0
    page = capsys.readouterr().out
    for words in ("processor", "memory", "disk", "port 11434", "will use", "compute_dtype", "GFLOP/s", "AdamW fused step"):
        assert words in page


def test_where_torch_is_absent_the_doctor_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def absent() -> None:
        raise DeviceError("torch cannot be imported (not here); install it with `make quickstart`.")

    monkeypatch.setattr(device, "load_torch", absent)
    assert run(["doctor"]) == 1
    captured = capsys.readouterr()
    assert "processor" in captured.out
    assert captured.err == "error: torch cannot be imported (not here); install it with `make quickstart`.\n"


def test_a_taken_port_is_reported_with_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        report = room.examine_port(server.getsockname()[1])
    assert not report["is_free"]
    assert room.examine_port(report["number"])["is_free"]
