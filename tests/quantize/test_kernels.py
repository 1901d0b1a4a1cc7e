"""A kernel computes what the matrix does that it was made of, or is not used."""

from collections.abc import Iterator

import pytest
import torch

from handspun.quantize import kernels
from handspun.quantize.int4 import Int4
from handspun.quantize.int8 import Int8
from handspun.quantize.linear import bf16_linear, small_linear

N, K = 48, 64
ROWS = (1, 2, 33)
DTYPES = (torch.float32, torch.bfloat16)


@pytest.fixture
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A torch whose private kernels compute nonsense."""

    def nonsense(*_: object) -> kernels.Kernel:
        return lambda x: torch.zeros(*x.shape[:-1], kernels.TRIAL_SHAPE[0], dtype=x.dtype)

    for name in ("int8_kernel", "int8_row_kernel", "int4_kernel", "blocked_kernel"):
        monkeypatch.setattr(kernels, name, nonsense)
    kernels.works.cache_clear()
    yield
    kernels.works.cache_clear()


def weight() -> torch.Tensor:
    return torch.randn(N, K, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [Int8, Int4])
@pytest.mark.parametrize("n_rows", ROWS)
def test_a_packed_layer_computes_what_its_whole_matrix_does(
    kind: type[Int8] | type[Int4], n_rows: int, dtype: torch.dtype
) -> None:
    small, bias = kind.of(weight()), torch.randn(N).to(dtype)
    x = torch.randn(1, n_rows, K).to(dtype)
    exact = x.float() @ small.whole().T + bias.float()
    found = small_linear(small, bias, dtype, may_pack_twice=True)(x)
    assert found.dtype == dtype and found.shape == (1, n_rows, N)
    assert kernels.is_near(found, exact)


@pytest.mark.parametrize("n_rows", ROWS)
def test_a_bf16_layer_computes_what_its_matrix_does(n_rows: int) -> None:
    matrix, bias, x = weight().bfloat16(), torch.randn(N).bfloat16(), torch.randn(n_rows, K).bfloat16()
    assert kernels.is_near(bf16_linear(matrix, bias)(x), x.float() @ matrix.float().T + bias.float())


def test_an_int8_product_of_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    layer, x = small_linear(Int8.of(weight()), None, torch.float32, may_pack_twice=False), torch.randn(9, K)
    x[1:] *= 100
    assert torch.equal(layer(x)[0], layer(x[:1])[0])
    assert torch.equal(layer(x)[0], layer(x[:2])[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["int8", "int8 row", "int4"])
def test_the_kernels_work_here(name: str, dtype: torch.dtype) -> None:
    assert kernels.works(name, dtype)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [Int8, Int4])
def test_a_kernel_that_fails_its_trial_is_replaced_by_the_stock_product(
    kind: type[Int8] | type[Int4], dtype: torch.dtype
) -> None:
    small, x = kind.of(weight()), torch.randn(3, K).to(dtype)
    assert not kernels.works(kind.__name__.lower(), dtype)
    found = small_linear(small, None, dtype, may_pack_twice=True)(x)
    torch.testing.assert_close(found, torch.nn.functional.linear(x, small.whole().to(dtype)))


def test_a_kernel_that_cannot_be_made_fails_its_trial() -> None:
    def refuses() -> kernels.Kernel:
        raise RuntimeError("could not create a primitive")

    assert not kernels.agrees(refuses, weight(), torch.float32, [1])
