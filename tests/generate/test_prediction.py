"""What is expected next is a distribution, copying included."""

import torch
from small_models import random_model

from handspun.generate.prediction import Prediction
from handspun.generate.torch_engine import TorchEngine
from handspun.model.cache import KVCache
from handspun.model.ragged import Part, Ragged


def predicted(engine: TorchEngine, prompts: list[list[int]]) -> Prediction:
    """The prediction for the token after each prompt, read side by side."""
    model = engine.model
    cache = KVCache(model.config, 16 * len(prompts), dtype=torch.float32, device=torch.device("cpu"))
    parts = [Part(prompt, [range(16 * row, 16 * row + len(prompt))]) for row, prompt in enumerate(prompts)]
    ragged = Ragged(cache, parts, torch.float32)
    with torch.no_grad():
        hidden = model(ragged.ids, ragged=ragged)[0, ragged.ends]
        return Prediction(model, hidden, ragged.context(range(len(prompts))))


def test_probabilities_sum_to_one_even_where_there_is_nothing_to_quote(engine: TorchEngine) -> None:
    for prompts in ([[20]], [[20], [20, 30, 40, 20]], [[20, 30, 40, 20]]):
        probs = predicted(engine, prompts).log_probs.exp()
        torch.testing.assert_close(probs.sum(-1), torch.ones(len(prompts)))


def test_logits_give_the_same_probabilities_and_are_the_vocabulary_s_own_without_a_copy_head(engine: TorchEngine) -> None:
    prediction = predicted(engine, [[20, 30, 20]])
    torch.testing.assert_close(prediction.logits.log_softmax(-1), prediction.log_probs)
    if engine.model.copy_head is None:
        assert prediction.logits is prediction.vocabulary_logits


def test_what_lies_behind_the_end_of_a_row_is_no_source(copying_engine: TorchEngine) -> None:
    sources = predicted(copying_engine, [[20, 30], [20, 30, 40, 50, 60]]).sources
    assert sources is not None
    assert sources[0, 1:].tolist() == [0.0, 0.0, 0.0]
    assert sources[0, 0] > 0 and (sources[1] > 0).all()


def test_a_model_without_a_copy_head_has_no_sources(copying_engine: TorchEngine) -> None:
    engine = TorchEngine(random_model("GPT-2", copying_engine.tokenizer.vocab_size), copying_engine.tokenizer)
    prediction = predicted(engine, [[20, 30]])
    assert prediction.sources is None
    assert prediction.origins(torch.tensor([20])).tolist() == [-1]
