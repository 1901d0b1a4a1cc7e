"""The engine: prompts in, tokens out, one at a time and many rows at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.prediction import Prediction
from handspun.generate.sampling import choose, penalized
from handspun.generate.speech import Speech
from handspun.model.cache import KVCache
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer

FinishReason = Literal["end", "stop", "length"]


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token. `copied_from` is the position in the prompt that it was quoted from, where it was quoted."""

    id: int
    text: str
    log_prob: float
    copied_from: int | None


@dataclass
class Reply:
    """What one row has said so far. `text` is what may be shown: it never holds a stop text or half a character."""

    prompt_ids: list[int]
    tokens: list[Token] = field(default_factory=list)
    text: str = ""
    finish_reason: FinishReason | None = None
    """end (the model ended its turn), stop (a stop text came) or length; None while it goes on"""


@dataclass
class Row:
    """A reply on its way: what decides its tokens and what makes text of them."""

    number: int
    reply: Reply
    speech: Speech
    generator: torch.Generator
    max_new_tokens: int

    def add(self, token: Token, data: bytes) -> str:
        """Note a token that stands for `data`, decide whether the reply ends with it, and return the text now certain."""
        self.reply.tokens.append(token)
        is_full = len(self.reply.tokens) == self.max_new_tokens
        text, is_stopped = self.speech.hear(data, is_last=is_full)
        self.reply.text += text
        self.reply.finish_reason = "stop" if is_stopped else "length" if is_full else None
        return text

    def end(self) -> str:
        """Close the reply and return what was held back."""
        text, _ = self.speech.hear(b"", is_last=True)
        self.reply.text += text
        self.reply.finish_reason = "end"
        return text


class Engine:
    """Generates with a KV cache. Works for every shape of the model room."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.device = next(model.parameters()).device
        self.ends = frozenset(id for id in tokenizer.control.values() if not tokenizer.token_bytes(id))
        """A control token ends the reply: <|end|>, or the opening of something that is not the assistant's to say."""

    def generate(self, prompts: Sequence[Sequence[int]], config: GenerateConfig) -> list[Reply]:
        """The whole reply to each prompt. Raises PromptError."""
        replies = [Reply(list(prompt)) for prompt in prompts]
        for _ in self.stream(replies, config):
            pass
        return replies

    @torch.inference_mode()
    def stream(self, replies: Sequence[Reply], config: GenerateConfig) -> Iterator[tuple[int, str]]:
        """Continue every reply to its end, yielding (its number, new text) as text becomes certain. Raises PromptError."""
        if not replies:
            return
        rows = [self.row(number, reply, config) for number, reply in enumerate(replies)]
        ids, cache = self.padded(rows)
        while rows:
            prediction = Prediction(self.model, self.model(ids, cache=cache)[:, -1], cache)
            chosen = choose(self.scores(prediction, cache, config), config, [row.generator for row in rows])
            for row, token in zip(rows, self.tokens(rows, prediction, chosen)):
                text = row.end() if token.id in self.ends else row.add(token, self.tokenizer.token_bytes(token.id))
                if text:
                    yield row.number, text
            places = [place for place, row in enumerate(rows) if row.reply.finish_reason is None]
            if len(places) < len(rows):
                going_on = torch.tensor(places, dtype=torch.long, device=self.device)
                rows, chosen = [rows[place] for place in places], chosen[going_on]
                cache.keep(going_on)
            ids = chosen.unsqueeze(1)

    def row(self, number: int, reply: Reply, config: GenerateConfig) -> Row:
        """A row for a reply, which ends where the context is full if not before. Raises PromptError."""
        n_prompt, limit = len(reply.prompt_ids), self.model.config.max_seq_len
        if n_prompt == 0:
            raise PromptError("the prompt is empty; write at least one character.")
        if n_prompt >= limit:
            raise PromptError(
                f"the prompt has {n_prompt:,} tokens and this model reads {limit:,} with its reply; shorten the prompt."
            )
        generator = torch.Generator(device=self.device).manual_seed(config.seed)
        return Row(number, reply, Speech(config.stop), generator, min(config.max_new_tokens, limit - n_prompt))

    def padded(self, rows: Sequence[Row]) -> tuple[Int[Tensor, "B T"], KVCache]:
        """The prompts padded on the left to one length, and an empty cache with room for them and their replies."""
        lengths = [len(row.reply.prompt_ids) for row in rows]
        longest = max(lengths)
        ids = [[self.tokenizer.pad] * (longest - length) + row.reply.prompt_ids for row, length in zip(rows, lengths)]
        starts = torch.tensor([longest - length for length in lengths], dtype=torch.long, device=self.device)
        max_tokens = longest + max(row.max_new_tokens for row in rows)
        cache = KVCache(self.model.config, starts=starts, max_tokens=max_tokens, dtype=self.model.compute_dtype)
        return torch.tensor(ids, dtype=torch.long, device=self.device), cache

    def scores(self, prediction: Prediction, cache: KVCache, config: GenerateConfig) -> Float[Tensor, "B V"]:
        """What the next token is chosen by: log-probabilities, or logits under a repetition penalty."""
        if config.repetition_penalty == 1.0:
            return prediction.log_probs
        contexts = [ids[start : cache.n_tokens] for ids, start in zip(cache.ids, cache.starts.tolist())]
        return penalized(prediction.logits, contexts, config.repetition_penalty)

    def tokens(self, rows: Sequence[Row], prediction: Prediction, chosen: Int[Tensor, " B"]) -> list[Token]:
        """The chosen tokens with their log-probabilities and, where quoted from the prompt, their origins."""
        log_probs = prediction.log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1).tolist()
        origins = prediction.origins(chosen)
        tokens = []
        for row, id, log_prob, origin in zip(rows, chosen.tolist(), log_probs, origins):
            is_in_prompt = origin is not None and origin < len(row.reply.prompt_ids)
            text = self.tokenizer.token_bytes(id).decode(errors="replace")
            tokens.append(Token(id, text, log_prob, origin if is_in_prompt else None))
        return tokens
