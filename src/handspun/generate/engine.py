"""The engine: prompts in, tokens out, one at a time and many rows at once."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.errors import PromptError
from handspun.generate.config import GenerateConfig
from handspun.generate.sampling import choose
from handspun.model.cache import KVCache
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer

FinishReason = Literal["end", "stop", "length"]


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    `copied_from` is the position in the prompt that the copy head took it from, where copying outweighed the vocabulary.
    """

    id: int
    text: str
    log_prob: float
    copied_from: int | None


@dataclass
class Reply:
    """What one row has said so far. `text` is what may be shown; it never holds a stop text or half a character."""

    prompt_ids: list[int]
    tokens: list[Token] = field(default_factory=list)
    text: str = ""
    finish_reason: FinishReason | None = None


class Speech:
    """Turns the bytes of one row's tokens into text, holding back half characters and what may become a stop text."""

    def __init__(self, stop: Sequence[str]) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.stop, self.held = stop, ""

    def hear(self, data: bytes, *, is_last: bool = False) -> tuple[str, bool]:
        """The text that is now certain, and whether a stop text has ended the reply."""
        text = self.held + self.decoder.decode(data, final=is_last)
        ends = [position for stop in self.stop if (position := text.find(stop)) >= 0]
        if ends:
            return text[: min(ends)], True
        n_held = 0 if is_last else max((overlap(text, stop) for stop in self.stop), default=0)
        self.held = text[len(text) - n_held :]
        return text[: len(text) - n_held], False


def overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` could be the beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


class Engine:
    """Generates with a KV cache. Works for every shape of the model room."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.device = next(model.parameters()).device
        self.ends = {tokenizer.end_of_turn, tokenizer.end_of_text}

    def generate(self, prompts: Sequence[Sequence[int]], config: GenerateConfig) -> list[Reply]:
        """The whole reply to each prompt."""
        replies = [Reply(list(prompt)) for prompt in prompts]
        for _ in self.stream(replies, config):
            pass
        return replies

    @torch.inference_mode()
    def stream(self, replies: Sequence[Reply], config: GenerateConfig) -> Iterator[tuple[int, str]]:
        """Continue every reply to its end, yielding (row, new text) as it becomes certain. Raises PromptError."""
        self.check(replies, config)
        rows = list(range(len(replies)))
        speeches = [Speech(config.stop) for _ in replies]
        generators = [torch.Generator(device=self.device).manual_seed(config.seed) for _ in replies]
        ids, cache = self.padded(replies, config.max_new_tokens)
        while rows:
            hidden = self.model(ids, cache=cache)[:, -1]
            log_probs, sources = self.next_log_probs(hidden, cache)
            contexts = [cache.ids[row, cache.starts[row] : cache.n_tokens] for row in range(len(rows))]
            chosen = choose(log_probs, contexts, config, [generators[row] for row in rows])
            chosen_log_probs = log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1)
            copied = self.copied_from(chosen, chosen_log_probs, sources, cache)
            going_on = []
            for place, row in enumerate(rows):
                id = int(chosen[place])
                new_text = self.extend(replies[row], speeches[row], id, float(chosen_log_probs[place]), copied[place], config)
                if new_text:
                    replies[row].text += new_text
                    yield row, new_text
                if replies[row].finish_reason is None:
                    going_on.append(place)
            if len(going_on) < len(rows):
                rows = [rows[place] for place in going_on]
                kept = torch.tensor(going_on, dtype=torch.long, device=self.device)
                cache.keep(kept)
                chosen = chosen[kept]
            ids = chosen.unsqueeze(1)

    def check(self, replies: Sequence[Reply], config: GenerateConfig) -> None:
        """Refuse prompts that are empty or leave no room for a reply."""
        for reply in replies:
            n_prompt, limit = len(reply.prompt_ids), self.model.config.max_seq_len
            if n_prompt == 0:
                raise PromptError("the prompt is empty; write at least one character.")
            if n_prompt + config.max_new_tokens > limit:
                raise PromptError(
                    f"the prompt has {n_prompt:,} tokens and generate.max_new_tokens={config.max_new_tokens:,}, together more than "
                    f"the {limit:,} this model can read; shorten the prompt, or lower generate.max_new_tokens."
                )

    def padded(self, replies: Sequence[Reply], n_new: int) -> tuple[Int[Tensor, "B T"], KVCache]:
        """The prompts padded on the left to one length, and an empty cache with room for them and their replies."""
        longest = max(len(reply.prompt_ids) for reply in replies)
        starts = torch.tensor([longest - len(reply.prompt_ids) for reply in replies], device=self.device)
        ids = torch.tensor([[self.tokenizer.pad] * (longest - len(r.prompt_ids)) + r.prompt_ids for r in replies], device=self.device)
        cache = KVCache(self.model.config, starts=starts, max_tokens=longest + n_new, dtype=self.model.compute_dtype)
        return ids, cache

    def next_log_probs(
        self, hidden: Float[Tensor, "B D"], cache: KVCache
    ) -> tuple[Float[Tensor, "B V"], Float[Tensor, "B S"] | None]:
        """Log-probabilities of the next token, and the weight each source column adds to the token after it."""
        log_probs = self.model.logits(hidden).log_softmax(-1)
        head, n_sources = self.model.copy_head, cache.n_tokens - 1
        if head is None or n_sources == 0:
            return log_probs, None
        allowed = cache.is_written(n_sources).unsqueeze(1)
        scores = head.scores(head.queries(hidden).unsqueeze(1).float(), cache.copy_keys[:, :n_sources], allowed).squeeze(1)
        gate = head.gate(hidden).float().sigmoid()
        sources = (1 - gate) * scores.softmax(-1) * allowed.squeeze(1)
        mixed = gate * log_probs.exp()
        mixed.scatter_add_(1, cache.ids[:, 1 : cache.n_tokens], sources)
        return mixed.clamp_(min=torch.finfo(torch.float32).tiny).log_(), sources

    def copied_from(
        self, chosen: Int[Tensor, " B"], log_probs: Float[Tensor, " B"], sources: Tensor | None, cache: KVCache
    ) -> list[int | None]:
        """For each row, where in its context the chosen token was copied from, if copying made most of its probability."""
        if sources is None or self.model.copy_head is None:
            return [None] * len(chosen)
        is_match = cache.ids[:, 1 : cache.n_tokens] == chosen.unsqueeze(1)
        weights = sources * is_match
        is_copied = weights.sum(-1) > 0.5 * log_probs.exp()
        positions = weights.argmax(-1) + 1 - cache.starts
        return [int(position) if copied else None for position, copied in zip(positions, is_copied)]

    def extend(
        self, reply: Reply, speech: Speech, id: int, log_prob: float, copied_from: int | None, config: GenerateConfig
    ) -> str:
        """Note the chosen token, decide whether the reply ends, and return the text that is now certain."""
        if id in self.ends:
            reply.finish_reason = "end"
            return speech.hear(b"", is_last=True)[0]
        data = self.tokenizer.token_bytes(id)
        reply.tokens.append(Token(id, data.decode(errors="replace"), log_prob, copied_from))
        is_full = len(reply.tokens) == config.max_new_tokens
        text, is_stopped = speech.hear(data, is_last=is_full)
        reply.finish_reason = "stop" if is_stopped else "length" if is_full else None
        return text
