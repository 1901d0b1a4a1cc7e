import pytest
import torch

from handspun.model.view import Biases, View

CPU = torch.device("cpu")
INF = float("inf")


def test_a_query_sees_itself_and_what_came_before():
    assert View(3, 3, CPU).allowed.int().tolist() == [[[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]]


def test_later_queries_see_every_earlier_column():
    assert View(2, 4, CPU).allowed.int().tolist() == [[[[1, 1, 1, 0], [1, 1, 1, 1]]]]


def test_segments_do_not_see_each_other():
    view = View(3, 3, CPU, segments=torch.tensor([[0, 0, 1], [4, 4, 4]]))
    assert view.allowed[:, 0].int().tolist() == [[[1, 0, 0], [1, 1, 0], [0, 0, 1]], [[1, 0, 0], [1, 1, 0], [1, 1, 1]]]
    assert not view.is_plain and View(3, 3, CPU).is_plain


def test_the_bias_hides_the_future_and_falls_with_distance():
    view = View(2, 3, CPU)
    assert view.bias(None, torch.float32).tolist() == [[[[0, 0, -INF], [0, 0, 0]]]]
    assert view.bias((0.5, 0.25), torch.float32).tolist() == [
        [[[-0.5, 0, -INF], [-1, -0.5, 0]], [[-0.25, 0, -INF], [-0.5, -0.25, 0]]]
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_layers_with_the_same_slopes_share_one_bias(dtype):
    biases = Biases(View(4, 4, CPU), dtype)
    assert biases.of(None) is biases.of(None) and biases.of((0.5,)) is biases.of((0.5,))
    assert biases.of((0.5,)) is not biases.of((0.25,))
    assert biases.of(None).dtype == dtype


@pytest.mark.parametrize("slopes", [None, (0.5, 0.25)])
def test_a_single_query_takes_its_bias_from_that_of_a_longer_row(slopes):
    longer = Biases(View(1, 7, CPU), torch.float32)
    ours = Biases(View(1, 4, CPU), torch.float32, longer).of(slopes)
    assert torch.equal(ours, View(1, 4, CPU).bias(slopes, torch.float32))
    assert ours.untyped_storage().data_ptr() == longer.of(slopes).untyped_storage().data_ptr()


def test_the_blocks_hold_what_is_allowed():
    segments = torch.tensor([[0] * 100 + [1] * 156, [0] * 128 + [1] * 128])
    blocks = View(256, 256, CPU, segments=segments).blocks()
    seen = blocks.to_dense()[:, 0].bool()
    assert seen.tolist() == [[[True, False], [True, True]], [[True, False], [False, True]]]
