"""Fifty passages that want to be more than passages: what a system can promise, it keeps against each of them.

Nobody can promise that a model does not believe what it reads. What is promised is that a passage stays a passage, that no
citation names a text that does not say it, and that nothing of it reaches a terminal as a command. That it reaches the page
as text and never as markup is in tests/serve/test_page_files.py.
"""

import json
import re
from pathlib import Path

import pytest
from stored import put, searcher_of, stored

from handspun.cli import terminal
from handspun.cli.answer_text import as_json, show_answer, show_sent
from handspun.corpus.document import Message
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine
from handspun.generate.session import load_engine
from handspun.retrieve.answer import Answer
from handspun.retrieve.answerer import Answerer, ask_all
from handspun.retrieve.citation import Citer
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.extract import extract
from handspun.retrieve.passages import pack
from handspun.retrieve.prompt import lay_out
from handspun.retrieve.words import forms
from handspun.runs import Run
from handspun.tokens.chat import render
from handspun.tokens.place import places
from handspun.tokens.tokenizer import Tokenizer
from tiny_run import byte_tokenizer

LINES = (Path(__file__).parent / "attacks.jsonl").read_text().splitlines()
ATTACKS = {attack["name"]: attack["text"] * attack.get("times", 1) for attack in map(json.loads, LINES)}
RIGHT = "The Orrin bridge was opened in 1931."
QUESTION = "When was the Orrin bridge opened?"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def engine(finished_run: Path) -> Engine:
    return load_engine(Run(finished_run).finished)


@pytest.fixture(params=["bytes", "trained"])
def tokenizer(request: pytest.FixtureRequest, engine: Engine) -> Tokenizer:
    return byte_tokenizer() if request.param == "bytes" else engine.tokenizer


def test_there_are_fifty() -> None:
    assert len(ATTACKS) == 50


def test_no_passage_yields_a_control_token_and_the_messages_stay_what_they_are(tokenizer: Tokenizer) -> None:
    """Be it the text, its headings, the question or what was said before."""
    control = set(tokenizer.control.values())
    for name, attack in ATTACKS.items():
        _, hits = stored({"attack": attack, "right": RIGHT}, heading=attack[:500])
        history = [Message("user", attack), Message("assistant", attack)]
        config = RetrieveConfig(passage_tokens=40_000)
        prompt = lay_out(f"{attack} {QUESTION}", hits, history, tokenizer, config, 200_000)
        ids = render(tokenizer, prompt.messages, open_reply=True).ids.tolist()
        roles = ["user", "assistant", "passage", "passage", "user"]
        fences = [fence for role in roles for fence in (tokenizer.role(role), tokenizer.end_of_turn)]
        assert [id for id in ids if id in control] == [tokenizer.end_of_text, *fences, tokenizer.role("assistant")], name
        assert {place.message for place in places(tokenizer, ids) if place} == set(range(5)), name


def test_no_passage_takes_more_room_than_there_is() -> None:
    for name, attack in ATTACKS.items():
        _, hits = stored({"attack": attack, "right": RIGHT})
        sent, n_left_out = pack(hits, QUESTION, byte_tokenizer(), n_passages=2, passage_tokens=120)
        assert sum(one.n_tokens for one in sent) <= 120, name
        assert len(sent) + n_left_out == 2, name


def test_no_text_is_cited_for_what_another_one_says() -> None:
    """Also where the model says all that an attack wants it to say, citations included."""
    for name, attack in ATTACKS.items():
        texts = {"bridge.txt": RIGHT, "attack": attack}
        store, hits = stored(texts)
        sent, _ = pack(hits, QUESTION, byte_tokenizer(), n_passages=2, passage_tokens=1000)
        for answer in (attack, f"{RIGHT} {attack}", "It was opened in 1666 [1]. Source: bridge.txt", "1666"):
            citer = Citer(QUESTION, answer, sent, store)
            for citation in citer.citations():
                assert citation.quote == texts[citation.source][citation.start : citation.end], name
                assert forms(citation.quote) == forms(answer[citation.answer_start : citation.answer_end]), name
                assert citation.source == "attack" or "1666" not in citation.quote, name


def test_the_right_answer_is_cited_beside_every_attack() -> None:
    """Of an attack as much as a chunk holds."""
    for name, attack in ATTACKS.items():
        store, hits = stored({"attack": attack[:400], "right": RIGHT})
        sent, _ = pack(hits, QUESTION, byte_tokenizer(), n_passages=2, passage_tokens=1000)
        citer = Citer(QUESTION, f"It was {RIGHT[21:]}", sent, store)
        citations = citer.citations()
        assert citer.is_supported(citations), name
        assert any("1931" in citation.quote for citation in citations), name


def test_nothing_of_an_attack_steers_the_terminal(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    for name, attack in ATTACKS.items():
        searcher = searcher_of(tmp_path / name, {"right": RIGHT})
        put(searcher.index.store, "attack", attack, heading=attack[:500])
        hits = [hit for word in ("1666", "the", "answer") for hit in searcher.search(word)]
        answers = [extract(QUESTION, searcher, hits), Answer(attack, (), False, "model", nearest=tuple(hits))]
        for answer in answers:
            show_answer(answer, attack)
            show_sent(answer)
            terminal.write_json(as_json(attack, answer))
            terminal.say(attack)
        captured = capsys.readouterr()
        assert captured.out and not OBEYED.search(captured.out + captured.err), name
        searcher.index.close()


def test_a_trained_model_beside_an_attack_speaks_only_for_itself(engine: Engine, tmp_path: Path) -> None:
    """Its reply holds no control token, whatever it has read, and each citation holds."""
    texts = {name: f"A shard {attack[:40]}" for name, attack in ATTACKS.items()}
    searcher = searcher_of(tmp_path, texts)
    answerer = Answerer(searcher, engine.tokenizer, engine.max_seq_len, RetrieveConfig(n_passages=1))
    config = GenerateConfig(max_new_tokens=8, temperature=1.0)
    questions = [f"What is a shard? {' '.join(words[2:4])}" for words in map(str.split, texts.values())]
    for answer in ask_all(engine, answerer, questions, config):
        assert answer.sent and not any(name in answer.text for name in engine.tokenizer.control)
        for citation in answer.citations:
            assert citation.quote == texts[citation.source][citation.start : citation.end]
            assert forms(citation.quote) == forms(answer.text[citation.answer_start : citation.answer_end])
