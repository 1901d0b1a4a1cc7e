import pytest
import torch

from handspun.model.config import ModelConfig
from handspun.model.norm import LayerNorm, RMSNorm, RMSNormFunction, make_norm


def plain(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 5, 8), (1, 1)])
def test_rms_norm_and_its_gradients_are_those_of_the_formula(shape):
    x, weight = torch.randn(shape, requires_grad=True), torch.randn(shape[-1], requires_grad=True)
    slope = torch.randn(shape)
    ours, expected = RMSNormFunction.apply(x, weight, 1e-3), plain(x, weight, 1e-3)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    gradients = torch.autograd.grad(ours, (x, weight), slope)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, (x, weight), slope), rtol=1e-5, atol=1e-5)


def test_rms_norm_of_a_slice_is_that_of_its_copy():
    heads = torch.randn(2, 5, 6, 8).requires_grad_()
    norm = RMSNorm(8, 1e-6)
    of_slice = norm(heads[:, :, 1:3])
    of_copy = norm(heads[:, :, 1:3].clone(memory_format=torch.contiguous_format))
    assert torch.equal(of_slice, of_copy)
    torch.testing.assert_close(torch.autograd.grad(of_slice.sum(), heads), torch.autograd.grad(of_copy.sum(), heads))


def test_rms_norm_in_bfloat16_takes_its_statistics_in_float32():
    x, norm = torch.randn(64, 512).bfloat16().requires_grad_(), RMSNorm(512, 1e-6)
    slope = torch.randn(64, 512)
    ours = norm(x)
    assert ours.dtype == torch.bfloat16
    wide = x.detach().float().requires_grad_()
    expected = plain(wide, norm.weight, 1e-6)
    torch.testing.assert_close(ours.float(), expected, rtol=0.01, atol=0.01)
    (gradient,), (exact,) = torch.autograd.grad(ours, x, slope.bfloat16()), torch.autograd.grad(expected, wide, slope)
    torch.testing.assert_close(gradient.float(), exact, rtol=0.03, atol=0.03)


def test_large_states_do_not_overflow():
    assert RMSNorm(4, 1e-6)(torch.full((1, 4), 1e18).bfloat16()).float().tolist() == [[1, 1, 1, 1]]


def test_a_state_of_zero_stays_zero_and_has_finite_gradients():
    x = torch.zeros(2, 4, requires_grad=True)
    result = RMSNorm(4, 1e-6)(x)
    result.sum().backward()
    assert result.abs().sum() == 0 and x.grad is not None and x.grad.isfinite().all()


def test_layer_norm_has_unit_spread_around_its_bias():
    norm = LayerNorm(64, 1e-6, bias=True)
    with torch.no_grad():
        norm.weight.fill_(2.0)
        assert norm.bias is not None
        norm.bias.fill_(3.0)
    result = norm(torch.randn(5, 64) * 7 + 1)
    torch.testing.assert_close(result.mean(-1), torch.full((5,), 3.0))
    torch.testing.assert_close(result.std(-1, correction=0), torch.full((5,), 2.0))
    assert norm(torch.randn(5, 64).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("shape", "kind", "n_weights"),
    [({}, RMSNorm, 1), ({"norm": "layernorm"}, LayerNorm, 1), ({"norm": "layernorm", "bias": True}, LayerNorm, 2)],
)
def test_the_recipe_chooses_the_norm(shape, kind, n_weights):
    norm = make_norm(ModelConfig(d_model=32, **shape))
    assert type(norm) is kind and [weight.shape for weight in norm.parameters()] == [(32,)] * n_weights
