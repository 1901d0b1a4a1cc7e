import math

import pytest
import torch

from handspun.model.config import ModelConfig
from handspun.model.feed_forward import FeedForward, SquaredReLU


def test_squared_relu_and_its_gradient_are_those_of_the_formula():
    x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    ours, expected = SquaredReLU.apply(x), torch.clamp(x, min=0) ** 2
    assert torch.equal(ours, expected) and ours.tolist() == [0, 0, 0, 0.25, 9]
    (gradient,), (exact,) = (torch.autograd.grad(result.sum(), x) for result in (ours, expected))
    assert torch.equal(gradient, exact)


def test_squared_relu_agrees_with_small_differences():
    assert torch.autograd.gradcheck(SquaredReLU.apply, torch.randn(6, 5, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize(
    ("activation", "bent"),
    [
        ("gelu", [0.0, (1 + math.erf(1 / math.sqrt(2))) / 2]),
        ("gelu_tanh", [0.0, (1 + math.tanh(math.sqrt(2 / math.pi) * 1.044715)) / 2]),
        ("relu2", [0.0, 1.0]),
    ],
)
def test_each_activation_bends_as_its_name_says(activation, bent):
    layer = FeedForward(ModelConfig(d_model=8, n_heads=1, activation=activation))
    torch.testing.assert_close(layer.bend(torch.tensor([[[0.0, 1.0]]])), torch.tensor([[bent]], dtype=torch.float32))


def test_swiglu_opens_values_with_a_gate_in_front_of_them():
    layer = FeedForward(ModelConfig(d_model=8, n_heads=1))
    gate, values = torch.randn(2, 1, 3, 5)
    expected = gate / (1 + (-gate).exp()) * values
    torch.testing.assert_close(layer.bend(torch.cat((gate, values), dim=-1)), expected)


@pytest.mark.parametrize(("activation", "n_up"), [("swiglu", 2), ("gelu", 1), ("relu2", 1)])
def test_only_a_gated_layer_has_a_matrix_for_its_gate(activation, n_up):
    layer = FeedForward(ModelConfig(d_model=8, n_heads=1, d_ff=12, activation=activation))
    assert layer.up.weight.shape == (12 * n_up, 8) and layer.down.weight.shape == (8, 12)
