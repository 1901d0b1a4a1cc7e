"""llama.cpp says of an exported model what we say: the same tokens, the same probabilities, the same reply."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from pydoc_data.topics import topics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handspun.export.gguf import export_gguf
from handspun.generate.config import GenerateConfig
from handspun.generate.llama_context import LlamaContext, NewToken
from handspun.generate.torch_engine import TorchEngine
from handspun.tokens.config import TokensConfig
from handspun.tokens.tokenizer import SAMPLE, Tokenizer
from portable import PORTABLE, portable_model

pytest.importorskip("llama_cpp", reason='llama-cpp-python is compiled for minutes: pip install "handspun[llamacpp]"')

Opened = Callable[..., LlamaContext]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Exports a model and opens it with llama.cpp."""
    contexts = []

    def open_exported(name: str, tokenizer: Tokenizer, dtype: str = "f32") -> LlamaContext:
        path = tmp_path / f"{name}-{dtype}.gguf"
        export_gguf(portable_model(name, tokenizer.vocab_size), tokenizer, path, name=name, dtype=dtype)
        contexts.append(LlamaContext(path, n_tokens=256, n_slots=1, n_threads=1))
        return contexts[-1]

    yield open_exported
    for context in contexts:
        context.close()


def log_probs(context: LlamaContext, ids: list[int]) -> torch.Tensor:
    context.forget(0)
    return context.read([NewToken(id, place, 0, True) for place, id in enumerate(ids)]).log_softmax(-1)


@pytest.mark.parametrize(("dtype", "limit"), [("f32", 1e-5), ("bf16", 1e-3), ("q8_0", 5e-3)])
@pytest.mark.parametrize("name", PORTABLE)
def test_its_probabilities_are_ours(name: str, dtype: str, limit: float, tokenizer: Tokenizer, opened: Opened) -> None:
    model, ids = portable_model(name, tokenizer.vocab_size), list(range(20, 70))
    with torch.no_grad():
        ours = model.logits(model(torch.tensor([ids])))[0].log_softmax(-1)
    theirs = log_probs(opened(name, tokenizer, dtype), ids)
    assert float((ours.exp() * (ours - theirs)).sum(-1).mean()) < limit


def test_the_measure_tells_models_apart(tokenizer: Tokenizer, opened: Opened) -> None:
    ids = list(range(20, 70))
    one, other = log_probs(opened("qwen3", tokenizer), ids), log_probs(opened("llama", tokenizer), ids)
    assert float((one.exp() * (one - other)).sum(-1).mean()) > 0.1


@pytest.mark.parametrize("name", PORTABLE)
def test_its_greedy_reply_is_ours(name: str, tokenizer: Tokenizer, opened: Opened) -> None:
    engine = TorchEngine(portable_model(name, tokenizer.vocab_size), tokenizer)
    engine.ends = frozenset()
    (reply,) = engine.generate([[20, 30, 40]], GenerateConfig(max_new_tokens=24))
    said = [token.id for token in reply.tokens]
    theirs = log_probs(opened(name, tokenizer), [20, 30, 40, *said[:-1]])[2:]
    behind_best = theirs.amax(-1) - theirs[range(24), said]
    assert (behind_best == 0).sum() >= 20 and behind_best.max() < 0.02  # what is level may fall either way


def tokenized(context: LlamaContext, text: str) -> list[int]:
    """The ids of a text by llama.cpp, in which nothing is read as a control token."""
    data = text.encode()
    ids = (ctypes.c_int32 * (len(data) + 8))()
    n_ids = context.library.llama_tokenize(context.vocab, data, len(data), ids, len(ids), False, False)
    return list(ids[:n_ids])


@pytest.mark.parametrize("pattern", ["gpt-2", "llama-3"])
def test_it_reads_a_corpus_as_the_same_tokens(pattern: str, opened: Opened) -> None:
    texts = [*topics.values(), Path(ctypes.__file__).read_text(), SAMPLE, "  \n\n x\t\t1234567 It'S don’t ÄÖ"]
    tokenizer = Tokenizer.train(texts, TokensConfig(vocab_size=1000, pattern=pattern))
    context = opened("qwen3", tokenizer)
    for text in texts:
        assert tokenized(context, text) == tokenizer.encode(text)

    @given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x24FF), max_size=30))
    def any_text(text: str) -> None:
        assert tokenized(context, text.replace("\0", "")) == tokenizer.encode(text.replace("\0", ""))

    any_text()


def test_a_file_that_is_none_of_these_is_refused(tmp_path: Path) -> None:
    from handspun.errors import CheckpointError

    for name, content in (("absent.gguf", None), ("text.gguf", b"not a model")):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{name} is no GGUF file that llama.cpp loads; write one with"):
            LlamaContext(tmp_path / name, n_tokens=8, n_slots=1, n_threads=1)


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from handspun.errors import CheckpointError
    from handspun.generate.llama_context import load_llama_cpp

    monkeypatch.setitem(sys.modules, "llama_cpp.llama_cpp", None)
    with pytest.raises(CheckpointError, match=r'pip install "handspun\[llamacpp\]"'):
        load_llama_cpp()
