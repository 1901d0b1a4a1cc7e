import pytest
import torch

from handspun.model.position import alibi_slopes, rotary_table, rotate


def plain(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos[..., :4], sin[..., 4:]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


@pytest.mark.parametrize("n_positions", [(7,), (2, 7)])
def test_rotation_and_its_gradient_are_those_of_the_formula(n_positions):
    positions = torch.randint(0, 50, n_positions)
    cos, sin = rotary_table(positions, 8, 10_000.0, torch.float64)
    x, slope = torch.randn(2, 7, 3, 8, dtype=torch.float64).requires_grad_(), torch.randn(2, 7, 3, 8, dtype=torch.float64)
    torch.testing.assert_close(rotate(x, cos, sin), plain(x, cos, sin))
    (ours,), (expected,) = (torch.autograd.grad(turn(x, cos, sin), x, slope) for turn in (rotate, plain))
    torch.testing.assert_close(ours, expected)
    assert torch.autograd.gradcheck(lambda x: rotate(x, cos, sin), x)
    with torch.no_grad():
        torch.testing.assert_close(rotate(x, cos, sin), plain(x, cos, sin))


def test_rotation_of_a_slice_is_that_of_its_copy():
    cos, sin = rotary_table(torch.arange(5), 8, 10_000.0, torch.bfloat16)
    heads = torch.randn(2, 5, 6, 8).bfloat16()
    assert torch.equal(rotate(heads[:, :, 1:3], cos, sin), rotate(heads[:, :, 1:3].clone(), cos, sin))


def test_what_a_query_makes_of_a_key_depends_on_their_distance_alone():
    q, k = torch.randn(2, 1, 1, 1, 16, dtype=torch.float64)

    def match(of_query: int, of_key: int) -> float:
        turned = [
            rotate(x, *rotary_table(torch.tensor([p]), 16, 100.0, torch.float64)) for x, p in ((q, of_query), (k, of_key))
        ]
        return float((turned[0] * turned[1]).sum())

    assert match(5, 2) == pytest.approx(match(105, 102), abs=1e-4)
    assert match(5, 2) != pytest.approx(match(5, 3), abs=1e-4)


def test_the_first_position_is_not_turned():
    x = torch.randn(1, 1, 2, 8)
    assert torch.equal(rotate(x, *rotary_table(torch.tensor([0]), 8, 10_000.0, torch.float32)), x)


@pytest.mark.parametrize(
    ("n_heads", "slopes"),
    [
        (1, [2**-8]),
        (2, [2**-4, 2**-8]),
        (3, [2**-4, 2**-8, 2**-2]),
        (6, [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3]),
        (8, [2**-n for n in range(1, 9)]),
    ],
)
def test_slopes_are_those_of_the_paper(n_heads, slopes):
    assert list(alibi_slopes(n_heads)) == slopes


def test_twelve_slopes_are_eight_and_every_other_one_of_sixteen():
    assert alibi_slopes(12) == alibi_slopes(8) + alibi_slopes(16)[:8:2]
