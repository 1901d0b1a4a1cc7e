"""Follows a constraint token by token: which tokens may come next, and when the reply is complete.

llguidance walks the grammar of the schema; it takes microseconds per token.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, takewhile
from operator import itemgetter
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from handspun.errors import PromptError
from handspun.generate.constraint import Constraint
from handspun.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

JSON_CHARACTERS = '{}[]":,-0123456789truefalsn'
"""What must be in a vocabulary for any JSON to be written with it."""
WHITESPACE = r"(\n {0,16}| )?"
"""Between the parts of JSON; bounded, so that a model that is fond of spaces goes on."""
MAX_COMPLAINT_CHARS = 200


class Matcher:
    """One reply under its constraint."""

    def __init__(self, walker: "LLMatcher", vocab_size: int) -> None:
        self.walker, self.vocab_size = walker, vocab_size
        self.allowed: Bool[Tensor, " V"] = self.next_allowed()
        """the tokens that may come next"""

    def accept(self, id: int) -> None:
        """Go on behind a token."""
        assert self.walker.consume_token(id), "only what is allowed is accepted"
        if not self.walker.is_stopped():
            self.allowed = self.next_allowed()

    @property
    def is_complete(self) -> bool:
        """Whether the reply is whole and nothing more may come."""
        return self.walker.is_stopped() and not self.walker.is_error() and self.walker.is_accepting()

    @property
    def is_stuck(self) -> bool:
        """Whether the reply is not whole and yet nothing may come: no token spells it, or the schema is too intricate."""
        return not self.is_complete and (self.walker.is_stopped() or not self.allowed.any())

    def next_allowed(self) -> Bool[Tensor, " V"]:
        """One bit of llguidance's for each token, as a mask."""
        bits = torch.frombuffer(bytearray(self.walker.compute_bitmask()), dtype=torch.uint8)
        each = bits.unsqueeze(1).bitwise_right_shift(torch.arange(8, dtype=torch.uint8)).bitwise_and_(1)
        return each.flatten()[: self.vocab_size].bool()


class Matchers:
    """Makes matchers over one vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def begin(self, constraint: Constraint) -> Matcher:
        """A matcher for a new reply. Raises PromptError for a schema that cannot be followed, or not with this vocabulary."""
        text = constraint.checked()
        self.check_spelling(constraint)
        library = load_llguidance()
        grammar = library.LLMatcher.grammar_from_json_schema(text, overrides={"whitespace_pattern": WHITESPACE})
        walker = library.LLMatcher(self.vocabulary, grammar, log_level=0)
        if walker.is_error():
            complaint = " ".join(walker.get_error().split())[:MAX_COMPLAINT_CHARS]
            if "coerce_one_of" in complaint:
                raise PromptError("oneOf is followed only where no two alternatives can fit at once; write anyOf.")
            raise PromptError(f"the schema cannot be followed: {complaint}; change it.")
        matcher = Matcher(walker, self.tokenizer.vocab_size)
        if matcher.is_stuck:
            raise PromptError("the schema describes nothing that could be written; change it.")
        return matcher

    def check_spelling(self, constraint: Constraint) -> None:
        """Raises PromptError where the vocabulary lacks a character that the JSON must have."""
        if lacking := self.lacking(JSON_CHARACTERS):
            raise PromptError(f"this model cannot write JSON: its vocabulary has no {lacking[0]}; ask for plain text.")
        for literal in constraint.literals:
            if lacking := self.lacking(json.dumps(literal, ensure_ascii=False)):
                raise PromptError(
                    f'this model cannot write "{literal}": its vocabulary has no {lacking[0]}; change this word of the schema.'
                )

    def lacking(self, text: str) -> Sequence[str]:
        """The characters of a text that cannot be written: not one token by itself, and not byte by byte."""
        return [
            character
            for character in dict.fromkeys(text)
            if character.encode() not in self.tokens and any(bytes([byte]) not in self.tokens for byte in character.encode())
        ]

    @cached_property
    def tokens(self) -> frozenset[bytes]:
        """What one token can say."""
        control = set(self.tokenizer.control.values())
        return frozenset(self.tokenizer.token_bytes(id) for id in range(self.tokenizer.vocab_size) if id not in control)

    @cached_property
    def vocabulary(self) -> "LLTokenizer":
        """The vocabulary as llguidance knows it."""
        library = load_llguidance()
        return library.LLTokenizer(library.TokenizerWrapper(Words(self.tokenizer)), slices=library.LLTokenizer.json_slices())


def allowed_only(scores: Float[Tensor, "R V"], matchers: Sequence[Matcher | None]) -> Float[Tensor, "R V"]:
    """Scores with -inf for every token that the constraint of its row rules out."""
    if not any(matchers):
        return scores
    anything = torch.ones(scores.shape[1], dtype=torch.bool)
    allowed = torch.stack([anything if matcher is None else matcher.allowed for matcher in matchers])
    return scores.masked_fill(~allowed.to(scores.device), float("-inf"))


class Words:
    """A tokenizer as llguidance asks for it: control tokens are special, and only the end of a turn may ever be said."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.eos_token_id = tokenizer.end_of_turn
        names = {id: name.encode() for name, id in tokenizer.control.items()}
        self.special_token_ids = sorted(names)
        self.tokens = [names.get(id) or tokenizer.token_bytes(id) for id in range(tokenizer.vocab_size)]

    def __call__(self, text: bytes) -> list[int]:
        """The ids of a text, as far as they spell it letter by letter: an uncased vocabulary has none for a capital."""
        ids = self.tokenizer.encode(text.decode(errors="replace"))
        ends = accumulate(len(self.tokens[id]) for id in ids)
        is_spelled = (text.startswith(self.tokens[id], end - len(self.tokens[id])) for id, end in zip(ids, ends))
        return [id for id, _ in takewhile(itemgetter(1), zip(ids, is_spelled))]


def load_llguidance() -> ModuleType:
    """The package that knows JSON Schema. Raises PromptError where it is absent."""
    try:
        import llguidance
    except ImportError as error:
        raise PromptError('llguidance is absent, and JSON needs it; install it: pip install "handspun[serve]"') from error
    return llguidance
