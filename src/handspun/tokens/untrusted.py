"""Reading a tokenizer.json from anywhere: only what handspun itself would write is taken, and only as plain parts.

A hostile file can hold a regex that never ends, a vocabulary that fills the memory, or values at which the Rust library panics
(and a panic is no ordinary exception). So nothing of the file reaches that library but checked strings and numbers.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from handspun.errors import TokenizerError
from handspun.tokens.blueprint import BYTE_OF_CHARACTER, Blueprint
from handspun.tokens.config import Pattern, Profile
from handspun.tokens.control import control_names

MAX_BYTES = 64 * 2**20
MAX_TOKEN_CHARS = 4096


def read_blueprint(path: Path) -> Blueprint:
    """The parts in the tokenizer.json at `path`. Raises TokenizerError where it is not one that handspun could have written."""
    if not path.is_file():
        raise TokenizerError(f"{path} is missing: run handspun tokenize, or name the folder of a tokenizer.")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise TokenizerError(f"{path} has {size:,} bytes, more than the {MAX_BYTES:,} a tokenizer may have: use another file.")
    try:
        return _checked(json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{path} is not a tokenizer of ours: {error}; learn one with handspun tokenize.") from error


def _checked(tree: Any) -> Blueprint:
    """The parts of a parsed tokenizer.json. Raises ValueError saying what is wrong with it."""
    _require(isinstance(tree, dict) and isinstance(tree.get("model"), dict), "it has no table named model")
    model = tree["model"]
    vocab, merges = _checked_vocab(model.get("vocab")), _checked_merges(model.get("merges"))
    profile, pattern = _frame_of(tree)
    control = _checked_control(tree.get("added_tokens"), vocab, profile)
    _check_grammar(vocab, merges, control, profile)
    return Blueprint(profile, pattern, vocab, merges, control)


def _require(claim: bool, complaint: str) -> None:
    if not claim:
        raise ValueError(complaint)


def _checked_vocab(vocab: Any) -> dict[str, int]:
    _require(isinstance(vocab, dict) and len(vocab) > 0, "its vocabulary is not a table of tokens")
    _require(all(type(id_) is int for id_ in vocab.values()), "an id in its vocabulary is not a whole number")
    _require(set(vocab.values()) == set(range(len(vocab))), "the ids of its vocabulary are not 0, 1, 2 … once each")
    for token in vocab:
        _require(0 < len(token) <= MAX_TOKEN_CHARS, f"a token in its vocabulary has {len(token):,} characters")
        token.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return vocab


def _checked_merges(merges: Any) -> list[tuple[str, str]]:
    _require(isinstance(merges, list), "its merges are not a list")
    for pair in merges:
        shape_is_right = isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        _require(shape_is_right, "one of its merges is not a pair of tokens")
    return [(left, right) for left, right in merges]


def _frame_of(tree: dict[str, Any]) -> tuple[Profile, Pattern]:
    """The profile and pattern under which handspun writes everything around the vocabulary just as this file has it."""
    for profile in get_args(Profile):
        for pattern in get_args(Pattern):
            ours = json.loads(Blueprint(profile, pattern).assemble().to_str())
            if _frame(ours) == _frame(tree):
                return profile, pattern
    raise ValueError("its normalizer, pre-tokenizer, decoder or model is none of those that handspun knows")


def _frame(tree: dict[str, Any]) -> dict[str, Any]:
    model = {key: value for key, value in tree["model"].items() if key not in ("vocab", "merges")}
    return {key: value for key, value in tree.items() if key != "added_tokens"} | {"model": model}


def _checked_control(added: Any, vocab: dict[str, int], profile: Profile) -> dict[str, int]:
    names = control_names(profile)
    control = {name: vocab[name] for name in names if name in vocab}
    _require(len(control) == len(names), "its vocabulary lacks a control token")
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    expected = [{"id": id_, "content": name, **flags} for name, id_ in sorted(control.items(), key=lambda item: item[1])]
    _require(added == expected, "its added tokens are not the control tokens of handspun")
    return control


def _check_grammar(vocab: dict[str, int], merges: list[tuple[str, str]], control: dict[str, int], profile: Profile) -> None:
    """Every token is a control token, a letter of the alphabet or the result of exactly one merge, in the order of the ids."""
    _require(all(left in vocab and right in vocab for left, right in merges), "one of its merges joins an unknown token")
    results = [vocab.get(left + right, -1) for left, right in merges]
    _require(all(before < after for before, after in pairwise([-1, *results])), "its merges are not in the order of their ids")
    alphabet = vocab.keys() - control.keys() - {left + right for left, right in merges}
    if profile == "bytes":
        _require(alphabet == BYTE_OF_CHARACTER.keys(), "its alphabet is not the 256 bytes")
    _require(all(len(letter) == 1 for letter in alphabet), "a token of its vocabulary is made by no merge")
    touched = {token for left, right in merges for token in (left, right, left + right)}
    _require(not touched & control.keys(), "one of its merges touches a control token")
