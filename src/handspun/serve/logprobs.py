"""How likely tokens were, in the words of both protocols."""

from handspun.generate.request import Choice, Token
from handspun.serve.wire import Wire

LEAST = -9999.0
"""Stands for the logarithm of 0, which JSON cannot write."""


class Likely(Wire):
    """A token that might have come."""

    token: str
    logprob: float
    bytes: list[int]


class Logprob(Likely):
    """The token that came, and those that were likeliest."""

    top_logprobs: list[Likely]


def logprob(token: Token) -> Logprob:
    """How likely a token was, and which were the likeliest."""
    likeliest = [Likely(token=spelled(one), logprob=bounded(one), bytes=list(one.data)) for one in token.likeliest]
    return Logprob(token=spelled(token), logprob=bounded(token), bytes=list(token.data), top_logprobs=likeliest)


def spelled(token: Token | Choice) -> str:
    """Its text, with a replacement character where its bytes are not whole."""
    return token.data.decode(errors="replace")


def bounded(token: Token | Choice) -> float:
    """Its logarithm as JSON can write it."""
    return max(token.log_prob, LEAST)
