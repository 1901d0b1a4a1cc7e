"""What the engine says is what its model says, for one row or many, and each quoted token knows its origin."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import MAX_SEQ_LEN, quoting_model, random_model, reciting_model

from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.request import Reply, Request
from handspun.generate.torch_engine import TorchEngine
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer

SAMPLED = {"temperature": 1.3, "top_k": 50, "top_p": 0.9, "repetition_penalty": 1.2}
LONG, SHORT, MIDDLE = [20, 30, 40, 50, 20, 30, 60], [25], [300, 20, 30, 20]


@torch.no_grad()
def next_probs(model: Transformer, ids: list[int]) -> torch.Tensor:
    """The probability of each next token: no cache, no batch, the copy head by its definition."""
    hidden = model(torch.tensor([ids]))[0]
    probs = model.logits(hidden[-1]).softmax(-1)
    if model.copy_head is None or len(ids) == 1:
        return probs
    query, keys = model.copy_head.query(hidden[-1]), model.copy_head.key(hidden[:-1])
    weights = (keys @ query / math.sqrt(len(query))).softmax(-1)
    gate = model.copy_head.gate(hidden[-1]).sigmoid()
    return (gate * probs).index_add(0, torch.tensor(ids[1:]), (1 - gate) * weights)


def test_greedy_takes_the_likeliest_token_of_the_uncached_model_each_time(engine: TorchEngine) -> None:
    (reply,) = engine.generate([LONG], GenerateConfig(max_new_tokens=20))
    ids = list(LONG)
    for token in reply.tokens:
        probs = next_probs(engine.model, ids)
        assert token.id == int(probs.argmax())
        assert token.log_prob == pytest.approx(float(probs[token.id].log()), abs=1e-4)
        ids.append(token.id)
    assert len(reply.tokens) == 20 or int(next_probs(engine.model, ids).argmax()) in engine.ends


@pytest.mark.parametrize("settings", [{}, SAMPLED], ids=["greedy", "sampled"])
def test_a_row_says_the_same_alone_and_beside_others(engine: TorchEngine, settings: dict) -> None:
    config = GenerateConfig(max_new_tokens=16, seed=3, **settings)
    together = engine.generate([LONG, SHORT, MIDDLE, SHORT], config)
    alone = [engine.generate([prompt], config)[0] for prompt in (LONG, SHORT, MIDDLE, SHORT)]
    for row, single in zip(together, alone):
        assert [(token.id, token.copied_from) for token in row.tokens] == [(t.id, t.copied_from) for t in single.tokens]
        assert [token.log_prob for token in row.tokens] == pytest.approx([t.log_prob for t in single.tokens], abs=1e-4)
        assert (row.text, row.finish_reason) == (single.text, single.finish_reason)


@given(st.lists(st.lists(st.integers(10, 319), min_size=1, max_size=12), min_size=1, max_size=4))
@settings(max_examples=15, deadline=None)
def test_any_prompts_side_by_side_are_answered_as_alone(copying_engine: TorchEngine, prompts: list[list[int]]) -> None:
    config = GenerateConfig(max_new_tokens=6)
    together = copying_engine.generate(prompts, config)
    assert [[token.id for token in reply.tokens] for reply in together] == [
        [token.id for token in copying_engine.generate([prompt], config)[0].tokens] for prompt in prompts
    ]


def test_the_same_seed_gives_the_same_reply_and_another_seed_another(engine: TorchEngine) -> None:
    def said(seed: int) -> list[int]:
        (reply,) = engine.generate([LONG], GenerateConfig(max_new_tokens=20, temperature=2.0, seed=seed))
        return [token.id for token in reply.tokens]

    assert said(1) == said(1)
    assert len({tuple(said(seed)) for seed in range(5)}) > 1


@pytest.mark.parametrize("window", [None, 3])
def test_a_penalty_weighs_on_every_token_of_prompt_and_reply_or_of_a_window(tokenizer: Tokenizer, window: int | None) -> None:
    engine = TorchEngine(random_model("GPT-2", tokenizer.vocab_size), tokenizer)
    config = GenerateConfig(max_new_tokens=12, repetition_penalty=1.5, repetition_window=window)
    (reply, _) = engine.generate([LONG, SHORT], config)
    ids = list(LONG)
    for token in reply.tokens:
        logits = engine.model.logits(engine.model(torch.tensor([ids]))[0, -1]).detach()
        for id in set(ids[-(window or len(ids)) :]):
            logits[id] = logits[id] / 1.5 if logits[id] > 0 else logits[id] * 1.5
        assert token.id == int(logits.argmax())
        ids.append(token.id)


def test_pieces_of_the_stream_join_to_the_replies(engine: TorchEngine) -> None:
    config, heard = GenerateConfig(max_new_tokens=20, temperature=3.0), {}
    for piece in engine.stream([Request(prompt, config) for prompt in (LONG, SHORT, MIDDLE)]):
        heard[piece.reply] = heard.get(piece.reply, "") + piece.text
        assert heard[piece.reply] == piece.reply.text
    assert len(heard) == 3
    assert all(reply.finish_reason for reply in heard)


def recited(tokenizer: Tokenizer, text: str, **settings: object) -> tuple[list[str], Reply]:
    """The pieces and the reply of a model that says `text` and ends its turn, asked with one token."""
    script = [*tokenizer.encode(text), tokenizer.end_of_turn]
    engine = TorchEngine(reciting_model(script, tokenizer.vocab_size), tokenizer)
    pieces = list(engine.stream([Request([50], GenerateConfig(**settings))]))
    return [piece.text for piece in pieces], pieces[-1].reply


def test_a_reply_ends_where_the_model_ends_its_turn(tokenizer: Tokenizer) -> None:
    pieces, reply = recited(tokenizer, "It is a shard.")
    assert "".join(pieces) == reply.text == "It is a shard."
    assert reply.finish_reason == "end"
    assert tokenizer.end_of_turn not in [token.id for token in reply.tokens]


def test_a_reply_ends_where_the_model_begins_a_turn_that_is_not_its_own(tokenizer: Tokenizer) -> None:
    script = [*tokenizer.encode("Yes."), tokenizer.role("user"), *tokenizer.encode("What")]
    (reply,) = TorchEngine(reciting_model(script, tokenizer.vocab_size), tokenizer).generate([[50]], GenerateConfig())
    assert (reply.text, reply.finish_reason) == ("Yes.", "end")


def test_a_stop_text_ends_the_reply_and_is_never_shown_though_tokens_cut_it(tokenizer: Tokenizer) -> None:
    stop = "\n\nWhat is zzyzx"
    assert len(tokenizer.encode(stop)) > 3
    pieces, reply = recited(tokenizer, f"It holds words.{stop}? More.", stop=("nowhere", stop))
    assert "".join(pieces) == reply.text == "It holds words."
    assert reply.finish_reason == "stop"


def test_the_beginning_of_a_stop_text_is_shown_where_it_goes_on_otherwise(tokenizer: Tokenizer) -> None:
    pieces, reply = recited(tokenizer, "It holds words.\n\nWhat else?", stop=("\n\nWhat is",))
    assert "".join(pieces) == "It holds words.\n\nWhat else?"
    assert reply.finish_reason == "end"


def test_a_character_of_several_tokens_is_never_torn_in_the_stream(tokenizer: Tokenizer) -> None:
    text = "été 語 👩‍🚀"
    assert len(tokenizer.encode("👩")) > 1
    pieces, reply = recited(tokenizer, text)
    assert "".join(pieces) == reply.text == text
    assert "\ufffd" not in "".join(pieces)


def test_a_reply_ends_at_its_longest_even_in_the_middle_of_a_character(tokenizer: Tokenizer) -> None:
    first, *_ = tokenizer.encode("👩")
    _, reply = recited(tokenizer, "👩", max_new_tokens=1)
    assert ([token.id for token in reply.tokens], reply.text, reply.finish_reason) == ([first], "\ufffd", "length")


def test_a_reply_ends_where_the_context_is_full(tokenizer: Tokenizer) -> None:
    engine = TorchEngine(reciting_model([50] * MAX_SEQ_LEN, tokenizer.vocab_size), tokenizer)
    almost_full, short = engine.generate([[60] * (MAX_SEQ_LEN - 2), [60]], GenerateConfig(max_new_tokens=10))
    assert (len(almost_full.tokens), almost_full.finish_reason) == (2, "length")
    assert len(short.tokens) == 10


def test_a_prompt_that_leaves_no_room_is_refused_with_both_counts(copying_engine: TorchEngine) -> None:
    with pytest.raises(PromptError, match=f"the prompt has 70 tokens and this model reads {MAX_SEQ_LEN}"):
        copying_engine.generate([SHORT, [20] * 70], GenerateConfig())


def test_an_empty_prompt_is_refused_and_no_prompts_have_no_replies(copying_engine: TorchEngine) -> None:
    with pytest.raises(PromptError, match="the prompt is empty"):
        copying_engine.generate([LONG, []], GenerateConfig())
    assert copying_engine.generate([], GenerateConfig()) == []


def test_a_quoted_token_names_the_place_in_the_prompt_that_it_was_quoted_from(tokenizer: Tokenizer) -> None:
    engine = TorchEngine(quoting_model(tokenizer.vocab_size), tokenizer)
    prompt = [70, 80, 90, 100, 110, 80]
    other = [100, 90, 80, 70, 90]
    for reply, expected in zip(engine.generate([prompt, other], GenerateConfig(max_new_tokens=3)), ([2, 3, 4], [2, 3, 4])):
        assert [token.copied_from for token in reply.tokens] == expected
        assert all(token.id == reply.prompt_ids[token.copied_from] for token in reply.tokens if token.copied_from)
        assert [token.log_prob for token in reply.tokens] == pytest.approx([0.0] * 3, abs=1e-3)


def test_what_is_quoted_from_the_reply_itself_has_no_origin_in_the_prompt(tokenizer: Tokenizer) -> None:
    engine = TorchEngine(quoting_model(tokenizer.vocab_size), tokenizer)
    (reply,) = engine.generate([[70, 80, 70]], GenerateConfig(max_new_tokens=4))
    assert [token.id for token in reply.tokens] == [80, 70, 80, 70]
    assert [token.copied_from for token in reply.tokens] == [1, 2, None, None]


def test_without_a_copy_head_nothing_has_an_origin(tokenizer: Tokenizer) -> None:
    engine = TorchEngine(random_model("GPT-2", tokenizer.vocab_size), tokenizer)
    (reply,) = engine.generate([LONG], GenerateConfig(max_new_tokens=10))
    assert {token.copied_from for token in reply.tokens} == {None}


def test_a_prompt_that_leaves_no_room_is_read_from_its_end_where_the_request_allows_it(copying_engine: TorchEngine) -> None:
    prompt, config = list(range(20, 20 + MAX_SEQ_LEN + 6)), GenerateConfig(max_new_tokens=5)
    pieces = list(copying_engine.stream([Request(prompt, config, may_truncate=True)]))
    reply, (expected,) = pieces[-1].reply, copying_engine.generate([prompt[11:]], config)
    assert (reply.n_truncated, reply.prompt_ids) == (11, prompt[11:])
    assert [token.id for token in reply.tokens] == [token.id for token in expected.tokens]


def test_a_prompt_that_leaves_room_is_never_truncated(copying_engine: TorchEngine) -> None:
    prompt = [20] * (MAX_SEQ_LEN - 1)
    *_, last = copying_engine.stream([Request(prompt, GenerateConfig(), may_truncate=True)])
    assert (last.reply.n_truncated, last.reply.prompt_ids) == (0, prompt)


def test_an_error_in_the_middle_leaves_nothing_behind(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TorchEngine(random_model("GPT-2", tokenizer.vocab_size), tokenizer)
    add = engine.add

    def add_the_first(request: Request) -> Reply:
        if request.prompt_ids == SHORT:
            raise PromptError("not this one.")
        return add(request)

    monkeypatch.setattr(engine, "add", add_the_first)
    with pytest.raises(PromptError, match="not this one"):
        engine.generate([LONG, SHORT], GenerateConfig())
    assert engine.is_idle and engine.blocks.n_held == 0


@pytest.mark.parametrize("text", [[], [20] * (MAX_SEQ_LEN + 1)])
def test_a_text_that_cannot_be_read_whole_has_no_embedding(copying_engine: TorchEngine, text: list[int]) -> None:
    with pytest.raises(PromptError, match=f"the text has {len(text)} tokens and this model reads 1 to {MAX_SEQ_LEN}"):
        copying_engine.embed([[20], text])
