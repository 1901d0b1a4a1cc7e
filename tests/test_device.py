"""The device is chosen by what its kernels did, not by what it claims."""

import os

import pytest
import torch

from handspun import device, machine
from handspun.device import Probe, choose_device, is_faster, keep_few_kernels, keep_freed_memory, measure, n_threads, run_probes


def test_the_chosen_device_works_and_says_why() -> None:
    n_threads_before = torch.get_num_threads()
    chosen = choose_device()
    torch.set_num_threads(n_threads_before)
    assert "GFLOP/s" in chosen.reason
    assert 0 < chosen.free_bytes <= chosen.total_bytes
    product = torch.ones(4, 4, device=chosen.kind, dtype=getattr(torch, chosen.compute_dtype)) @ torch.ones(4, 4).to(
        chosen.kind, getattr(torch, chosen.compute_dtype)
    )
    assert product.sum().item() == 64


def test_every_kernel_is_run_and_timed() -> None:
    probes = run_probes("cpu")
    assert [probe.name for probe in probes] == [
        "matmul float32",
        "matmul bfloat16",
        "attention with mask bfloat16",
        "AdamW fused step",
    ]
    assert all(probe.ok and probe.error is None and probe.milliseconds for probe in probes), probes


def test_a_kernel_that_fails_is_reported_with_its_sentence() -> None:
    def prepare() -> object:
        raise RuntimeError("no kernel image is available\nfor this device")

    probe = measure(torch, "cpu", "absent", prepare)  # pyright: ignore[reportArgumentType]
    assert probe == Probe("absent", ok=False, milliseconds=None, gflops=None, error="no kernel image is available")


def test_a_bug_in_a_kernel_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        measure(torch, "cpu", "bug", lambda: lambda: 1 / 0)


def test_bfloat16_is_taken_only_where_it_is_faster() -> None:
    slow, fast, broken = (Probe("matmul", ms is not None, ms, ms and 1 / ms, None) for ms in (2.0, 1.0, None))
    assert is_faster(fast, slow)
    assert not is_faster(slow, fast)
    assert not is_faster(broken, slow)


def test_a_slow_bfloat16_leaves_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"float32": 200.0, "bfloat16": 20.0}
    monkeypatch.setattr(
        device, "probe_matmul", lambda _torch, _kind, dtype: Probe(dtype, True, 1 / rates[dtype], rates[dtype], None)
    )
    chosen = choose_device()
    assert chosen.compute_dtype == "float32"
    assert chosen.reason.endswith("bfloat16 measured no faster than float32: 20 against 200 GFLOP/s")


def test_a_device_whose_matmul_fails_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(_torch: object, kind: str, dtype: str) -> Probe:
        return Probe(dtype, True, 1.0, 1.0, None) if kind == "cpu" else Probe(dtype, False, None, None, "no kernel image")

    monkeypatch.setattr(device, "available_kinds", lambda _torch: ["mps", "cpu"])
    monkeypatch.setattr(device, "probe_matmul", probe)
    chosen = choose_device()
    assert chosen.kind == "cpu"
    assert chosen.reason.startswith("mps fails (no kernel image); ")


def test_fewer_threads_can_be_asked_for_and_more_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = machine.n_usable_cores()
    for asked, given in (("1", 1), ("4096", cores), ("", cores), ("many", cores), ("0", 1)):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert n_threads() == given


def test_memory_can_be_kept_with_or_without_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_freed_memory()
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("there is no mallopt here"))
    keep_freed_memory()


def test_few_kernels_are_kept_where_the_user_has_not_said_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)
    keep_few_kernels()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "256"
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    keep_few_kernels()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7"
