import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from handspun.model.cost import LONGEST_STORED_ROW
from handspun.model.position import alibi_slopes
from handspun.model.stored_attention import StoredAttention, pays_to_store
from handspun.model.view import View


def heads(n_tokens: int, dtype: torch.dtype) -> list[Tensor]:
    """Queries, keys and values as they come from the projection: transposed slices of one tensor."""
    wide = torch.randn(2, n_tokens, 9, 16, dtype=torch.float64).to(dtype)
    return [part.transpose(1, 2).requires_grad_() for part in wide.split(3, dim=2)]


def plain(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias, dim=-1) @ v


def views(n_tokens: int) -> dict[str, Tensor]:
    segments = (torch.arange(n_tokens) * 3 // n_tokens).expand(2, -1)
    view, packed = (View(n_tokens, n_tokens, torch.device("cpu"), segments=numbers) for numbers in (None, segments))
    slopes = alibi_slopes(3)
    return {
        "plain": view.bias(None, torch.float64),
        "alibi": view.bias(slopes, torch.float64),
        "packed": packed.bias(None, torch.float64),
        "packed alibi": packed.bias(slopes, torch.float64),
    }


@pytest.mark.parametrize("kind", ["plain", "alibi", "packed", "packed alibi"])
@pytest.mark.parametrize("n_tokens", [1, 5, 256, 300, 520])
def test_the_result_and_its_gradients_are_those_of_the_formula(kind, n_tokens):
    q, k, v = heads(n_tokens, torch.float64)
    bias = views(n_tokens)[kind]
    slope = torch.randn(2, 3, n_tokens, 16, dtype=torch.float64)
    ours, expected = StoredAttention.apply(q, k, v, bias), plain(q, k, v, bias)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(torch.autograd.grad(ours, (q, k, v), slope), torch.autograd.grad(expected, (q, k, v), slope))


def test_the_gradients_are_those_of_small_differences():
    q, k, v = (torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    bias = View(4, 4, torch.device("cpu")).bias(None, torch.float64)
    assert torch.autograd.gradcheck(lambda q, k, v: StoredAttention.apply(q, k, v, bias), (q, k, v))


@pytest.mark.parametrize("n_tokens", [64, 300])
def test_in_bfloat16_it_is_about_as_close_to_the_truth_as_the_stock_kernel(n_tokens):
    q, k, v = heads(n_tokens, torch.bfloat16)
    bias = views(n_tokens)["plain"].bfloat16()
    slope = torch.randn(2, 3, n_tokens, 16).bfloat16()
    wide = [part.detach().double().requires_grad_() for part in (q, k, v)]
    truth = plain(*wide, bias.double())
    exact = (truth, *torch.autograd.grad(truth, wide, slope.double()))

    def errors(result: Tensor) -> list[float]:
        found = (result, *torch.autograd.grad(result, (q, k, v), slope))
        return [float(((ours.double() - right).norm() / right.norm()).detach()) for ours, right in zip(found, exact)]

    ours, stock = errors(StoredAttention.apply(q, k, v, bias)), errors(F.scaled_dot_product_attention(q, k, v, is_causal=True))
    assert all(mine < 0.006 and mine < 2 * theirs for mine, theirs in zip(ours, stock)), (ours, stock)


def test_the_result_lies_in_memory_as_the_projection_reads_it():
    q, k, v = heads(8, torch.bfloat16)
    result = StoredAttention.apply(q, k, v, views(8)["plain"].bfloat16())
    assert result.transpose(1, 2).is_contiguous()


def test_it_pays_for_whole_rows_in_bfloat16_with_gradients_alone():
    q = torch.zeros(1, 2, 8, 4, dtype=torch.bfloat16)
    long = torch.zeros(1, 2, LONGEST_STORED_ROW + 1, 4, dtype=torch.bfloat16)
    assert pays_to_store(q, q, dropout=0.0)
    assert not pays_to_store(q, q, dropout=0.1)
    assert not pays_to_store(q.float(), q.float(), dropout=0.0)
    assert not pays_to_store(q[:, :, :3], q, dropout=0.0)
    assert not pays_to_store(long, long, dropout=0.0)
    with torch.no_grad():
        assert not pays_to_store(q, q, dropout=0.0)
