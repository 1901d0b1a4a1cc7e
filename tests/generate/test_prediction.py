"""What is expected next is a distribution, copying included."""

import torch
from small_models import random_model

from handspun.generate.prediction import Prediction
from handspun.generate.torch_engine import TorchEngine
from handspun.model.cache import KVCache


def predicted(engine: TorchEngine, prompts: list[list[int]]) -> Prediction:
    """The prediction for the token after each prompt, padded on the left."""
    longest = max(len(prompt) for prompt in prompts)
    starts = torch.tensor([longest - len(prompt) for prompt in prompts])
    cache = KVCache(engine.model.config, starts=starts, max_tokens=longest, dtype=torch.float32)
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    with torch.no_grad():
        return Prediction(engine.model, engine.model(ids, cache=cache)[:, -1], cache)


def test_probabilities_sum_to_one_even_where_there_is_nothing_to_quote(engine: TorchEngine) -> None:
    for prompts in ([[20]], [[20], [20, 30, 40, 20]], [[20, 30, 40, 20]]):
        probs = predicted(engine, prompts).log_probs.exp()
        torch.testing.assert_close(probs.sum(-1), torch.ones(len(prompts)))


def test_logits_give_the_same_probabilities_and_are_the_vocabulary_s_own_without_a_copy_head(engine: TorchEngine) -> None:
    prediction = predicted(engine, [[20, 30, 20]])
    torch.testing.assert_close(prediction.logits.log_softmax(-1), prediction.log_probs)
    if engine.model.copy_head is None:
        assert prediction.logits is prediction.vocabulary_logits


def test_padding_is_no_source(copying_engine: TorchEngine) -> None:
    sources = predicted(copying_engine, [[20, 30], [20, 30, 40, 50, 60]]).sources
    assert sources is not None
    assert sources[0, :3].tolist() == [0.0, 0.0, 0.0]
    assert (sources[0, 3:] > 0).all() and (sources[1] > 0).all()


def test_a_model_without_a_copy_head_has_no_sources(copying_engine: TorchEngine) -> None:
    engine = TorchEngine(random_model("GPT-2", copying_engine.tokenizer.vocab_size), copying_engine.tokenizer)
    prediction = predicted(engine, [[20, 30]])
    assert prediction.sources is None
    assert prediction.origins(torch.tensor([20])) == [None]
