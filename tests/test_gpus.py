"""GPUs by the names of drivers, of people, and by nothing but their memory."""

import pytest

from handspun.gpus import GPUS, TYPICAL, gpu_called, gpu_of_driver, gpu_of_size


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA GeForce RTX 4080 SUPER", None),
        ("NVIDIA GeForce RTX 4060 Ti", None),
        ("NVIDIA RTX A4000", None),
        ("Tesla V100-SXM2-16GB", None),
    ],
)
def test_a_gpu_is_known_by_its_name_and_a_lesser_namesake_is_not_taken_for_it(name: str, tflops: float | None) -> None:
    gpu = gpu_of_driver(name)
    assert (gpu and gpu.tflops) == tflops


@pytest.mark.parametrize("called", ["RTX4090", "rtx 4090", "RTX-4090", "NVIDIA RTX 4090"])
def test_people_write_a_name_as_they_like(called: str) -> None:
    gpu = gpu_called(called)
    assert gpu is not None and gpu.name == "RTX 4090"


def test_a_name_that_nobody_knows_is_not_guessed() -> None:
    assert gpu_called("RTX409") is None
    assert gpu_called("") is None


@pytest.mark.parametrize(
    ("gb", "name"),
    [(4, "RTX 4060"), (8, "RTX 4060"), (24, "RTX 4090"), (31, "RTX 4090"), (32, "RTX 5090"), (80, "H100"), (900, "B200")],
)
def test_a_size_is_taken_for_the_largest_that_it_holds(gb: float, name: str) -> None:
    assert gpu_of_size(gb).name == name


def test_the_typical_ones_are_known_and_sorted() -> None:
    sizes = [gpu.gb for name in TYPICAL for gpu in GPUS if gpu.name == name]
    assert len(sizes) == len(TYPICAL) and sizes == sorted(sizes)
