"""The engine that runs on torch: every shape of the model room, on every device."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from handspun.generate.engine import Engine
from handspun.generate.prediction import Prediction
from handspun.generate.request import Piece, Reply, Request, Token
from handspun.generate.sampling import choose, penalized
from handspun.generate.speech import Speech
from handspun.model.cache import KVCache
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer


@dataclass(eq=False)
class Row:
    """A reply on its way: what decides its tokens and what makes text of them."""

    reply: Reply
    speech: Speech
    generator: torch.Generator
    max_new_tokens: int
    cache: KVCache
    next_ids: list[int]

    def add(self, token: Token) -> str:
        """Note a token, decide whether the reply ends with it, and return the text now certain."""
        self.reply.tokens.append(token)
        self.next_ids = [token.id]
        is_full = len(self.reply.tokens) == self.max_new_tokens
        text, is_stopped = self.speech.hear(token.data, is_last=is_full)
        self.reply.text += text
        self.reply.finish_reason = "stop" if is_stopped else "length" if is_full else None
        return text

    def end(self) -> str:
        """Close the reply and return what was held back."""
        text, _ = self.speech.hear(b"", is_last=True)
        self.reply.text += text
        self.reply.finish_reason = "end"
        return text


class TorchEngine(Engine):
    """Generates with a KV cache."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.max_seq_len = model.config.max_seq_len
        self.device = next(model.parameters()).device
        self.rows: list[Row] = []
        self.ends = frozenset(id for id in tokenizer.control.values() if not tokenizer.token_bytes(id))
        """A control token ends the reply: <|end|>, or the opening of something that is not the assistant's to say."""

    @property
    def is_idle(self) -> bool:
        return not self.rows

    def add(self, request: Request) -> Reply:
        reply, config = self.begun(request), request.config
        generator = torch.Generator(device=self.device).manual_seed(config.seed)
        max_new_tokens = min(config.max_new_tokens, self.max_seq_len - len(reply.prompt_ids))
        starts = torch.zeros(1, dtype=torch.long, device=self.device)
        cache = KVCache(
            self.model.config,
            starts=starts,
            max_tokens=len(reply.prompt_ids) + max_new_tokens,
            dtype=self.model.compute_dtype,
        )
        self.rows.append(Row(reply, Speech(config.stop), generator, max_new_tokens, cache, reply.prompt_ids))
        return reply

    @torch.inference_mode()
    def step(self) -> list[Piece]:
        pieces = [self.advance(row) for row in self.rows]
        self.rows = [row for row in self.rows if row.reply.finish_reason is None]
        return pieces

    def cancel(self, reply: Reply) -> None:
        if reply.finish_reason is None:
            reply.finish_reason = "cancelled"
        self.rows = [row for row in self.rows if row.reply is not reply]

    @torch.inference_mode()
    def embed(self, texts: Sequence[Sequence[int]]) -> Float[Tensor, "N D"]:
        states = [self.model(torch.tensor([list(text)], device=self.device))[0].float().mean(0) for text in texts]
        return F.normalize(torch.stack(states), dim=-1)

    def advance(self, row: Row) -> Piece:
        """Read what is new to a row and say its next token."""
        reply, config = row.reply, row.reply.request.config
        reply.timing.started = reply.timing.started or time.perf_counter()
        ids = torch.tensor([row.next_ids], dtype=torch.long, device=self.device)
        prediction = Prediction(self.model, self.model(ids, cache=row.cache)[:, -1], row.cache)
        scores = prediction.log_probs
        if config.repetition_penalty != 1.0:
            context = row.cache.ids[0, : row.cache.n_tokens]
            scores = penalized(prediction.logits, [context], config.repetition_penalty, config.repetition_window)
        token = self.token(row, prediction, choose(scores, config, [row.generator]))
        reply.timing.first_token = reply.timing.first_token or time.perf_counter()
        is_end = token.id in self.ends
        text = row.end() if is_end else row.add(token)
        if reply.finish_reason:
            reply.timing.ended = time.perf_counter()
        return Piece(reply, text, None if is_end else token)

    def token(self, row: Row, prediction: Prediction, chosen: Int[Tensor, " 1"]) -> Token:
        """The chosen token with its log-probability and, where quoted from the prompt, its origin."""
        id, (origin,) = int(chosen), prediction.origins(chosen)
        is_in_prompt = origin is not None and origin < len(row.reply.prompt_ids)
        log_prob = float(prediction.log_probs[0, id])
        return Token(id, self.tokenizer.token_bytes(id), log_prob, origin if is_in_prompt else None)
