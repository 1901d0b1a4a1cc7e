"""A model without weights has every shape and costs nothing."""

import subprocess
import sys

from handspun.model.transformer import Transformer
from handspun.model.unfilled import unfilled
from tiny_run import tiny_model

SAY_WHAT_IS_LOADED = """
import sys
from handspun.model.config import ModelConfig
from handspun.model.transformer import Transformer
from handspun.model.unfilled import unfilled
with unfilled():
    Transformer(ModelConfig(d_model=32, n_layers=1, n_heads=2), 64)
print(*sys.modules)
"""


def test_it_has_the_shapes_of_a_model_and_no_numbers() -> None:
    whole = tiny_model()
    with unfilled():
        shape = Transformer(whole.config, whole.vocab_size)
    assert {name: weight.shape for name, weight in shape.named_parameters()} == {
        name: weight.shape for name, weight in whole.named_parameters()
    }
    assert all(weight.is_meta for weight in shape.parameters())


def test_it_is_made_without_the_compiler_that_would_take_a_second_to_import() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", SAY_WHAT_IS_LOADED], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "handspun.model.transformer" in loaded and "torch._dynamo" not in loaded
