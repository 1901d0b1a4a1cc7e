import torch
import torch.nn.functional as F

from handspun.model.linear import Linear


def test_it_computes_in_the_dtype_of_its_input():
    layer, x = Linear(8, 5), torch.randn(3, 8)
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    assert layer(x.bfloat16()).dtype == torch.bfloat16


def test_the_weight_and_its_gradient_stay_float32():
    layer = Linear(8, 5)
    layer(torch.randn(3, 8).bfloat16()).float().square().sum().backward()
    for weight in layer.parameters():
        assert weight.dtype == torch.float32 and weight.grad is not None and weight.grad.dtype == torch.float32


def test_a_layer_may_have_no_bias():
    layer = Linear(8, 5, bias=False)
    assert layer(torch.zeros(1, 8)).abs().sum() == 0 and [name for name, _ in layer.named_parameters()] == ["weight"]
