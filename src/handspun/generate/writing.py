"""A reply on its way: what decides its tokens, and what makes text of them."""

import random
import time
from dataclasses import dataclass

from handspun.generate.config import GenerateConfig
from handspun.generate.matcher import Matcher
from handspun.generate.request import FinishReason, Piece, Reply, Token
from handspun.generate.sampling import DRAW_BITS
from handspun.generate.scheduler import Row
from handspun.generate.speech import Speech


@dataclass(eq=False, slots=True)
class Writing:
    """A reply with its row. Its random numbers are its own, so that its tokens do not depend on its neighbors."""

    reply: Reply
    row: Row
    speech: Speech
    random: random.Random
    matcher: Matcher | None = None
    """follows the constraint of the request, where it has one"""

    @classmethod
    def begin(cls, reply: Reply, max_seq_len: int, matcher: Matcher | None = None) -> "Writing":
        """Nothing of the reply is said yet."""
        config, prompt = reply.request.config, reply.prompt_ids
        row = Row(list(prompt), min(len(prompt) + config.max_new_tokens, max_seq_len))
        return cls(reply, row, Speech(config.stop), random.Random(config.seed), matcher)

    @property
    def config(self) -> GenerateConfig:
        """How its tokens are chosen."""
        return self.reply.request.config

    def draw(self) -> float:
        """A number from 0 to below 1 that chooses the next token."""
        return self.random.getrandbits(DRAW_BITS) / (1 << DRAW_BITS)

    def say(self, token: Token) -> Piece:
        """Add a token; the reply may end with it."""
        self.row.ids.append(token.id)
        self.reply.tokens.append(token)
        end = self.end_by_constraint(token.id) or ("length" if len(self.row.ids) == self.row.max_ids else None)
        text, is_stopped = self.speech.hear(token.data, is_last=end is not None)
        return self.piece(text, "stop" if is_stopped else end, token)

    def end_by_constraint(self, id: int) -> FinishReason | None:
        """Why the reply ends with this token: what was asked for is whole, or can never be."""
        if self.matcher is None:
            return None
        self.matcher.accept(id)
        return "end" if self.matcher.is_complete else "length" if self.matcher.is_stuck else None

    def end(self) -> Piece:
        """Close the reply, and say what was held back."""
        text, _ = self.speech.hear(b"", is_last=True)
        return self.piece(text, "end")

    def piece(self, text: str, finish_reason: FinishReason | None, token: Token | None = None) -> Piece:
        """Note the time and what is new."""
        reply, now = self.reply, time.perf_counter()
        reply.text += text
        reply.finish_reason = finish_reason
        reply.timing.first_token = reply.timing.first_token or now
        reply.timing.ended = now if finish_reason else None
        return Piece(reply, text, token)
