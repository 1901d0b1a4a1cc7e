"""The engine that runs on torch: every shape of the model room, on every device, many requests in one forward."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from handspun.generate.blocks import BLOCK_TOKENS, Blocks, n_blocks
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine, Load
from handspun.generate.limits import Limits
from handspun.generate.matcher import Matchers, allowed_only
from handspun.generate.prediction import Prediction
from handspun.generate.request import Choice, Piece, Reply, Request, Token
from handspun.generate.sampling import choose, penalized
from handspun.generate.scheduler import Chunk, Row, Scheduler
from handspun.generate.writing import Writing
from handspun.model.cache import KVCache
from handspun.model.cost import kv_bytes
from handspun.model.ragged import Context, Part, Ragged
from handspun.model.transformer import Transformer
from handspun.tokens.tokenizer import Tokenizer

KEPT_BYTES = 1 << 25
"""Of keys and values that no request needs just now: the cache does not grow for more of them."""


class TorchEngine(Engine):
    """Reads new prompts and continues replies side by side, and remembers what it has read in one cache for all of them."""

    def __init__(self, model: Transformer, tokenizer: Tokenizer, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self.model, self.tokenizer, self.limits = model.eval(), tokenizer, limits
        self.device = next(model.parameters()).device
        block_bytes = kv_bytes(model.config, BLOCK_TOKENS, dtype_bytes=model.compute_dtype.itemsize)
        most_blocks = n_blocks(limits.cache_tokens or limits.max_rows * model.config.max_seq_len)
        self.blocks = Blocks(most_blocks, most_kept=KEPT_BYTES // block_bytes)
        self.longest_text = model.config.max_seq_len
        self.max_seq_len = min(self.longest_text, self.blocks.limit * BLOCK_TOKENS)
        n_places = most_blocks * BLOCK_TOKENS if self.device.type == "cpu" else 0  # there, only what is written to takes memory
        self.cache = KVCache(model.config, n_places, dtype=model.compute_dtype, device=self.device)
        self.scheduler = Scheduler(limits, self.blocks)
        self.matchers = Matchers(tokenizer)
        self.writings: dict[Row, Writing] = {}

    @property
    def is_idle(self) -> bool:
        return not self.writings

    @property
    def load(self) -> Load:
        n_running, n_waiting = len(self.scheduler.running), len(self.scheduler.waiting)
        return Load(n_running, n_waiting, self.blocks.n_held * BLOCK_TOKENS, self.blocks.limit * BLOCK_TOKENS)

    def add(self, request: Request) -> Reply:
        reply = self.begun(request)
        matcher = self.matchers.begin(request.constraint) if request.constraint else None
        writing = Writing.begin(reply, self.max_seq_len, matcher)
        self.scheduler.add(writing.row)
        self.writings[writing.row] = writing
        return writing.reply

    def cancel(self, reply: Reply) -> None:
        reply.give_up()
        for row in [row for row, writing in self.writings.items() if writing.reply is reply]:
            self.leave(row)

    @torch.inference_mode()
    def step(self) -> list[Piece]:
        chunks = self.scheduler.plan()
        if not chunks:
            return []
        for chunk in chunks:
            self.begin(self.writings[chunk.row])
        ragged = self.ragged(chunks)
        hidden = self.model(ragged.ids, ragged=ragged)[0]
        speaking = [number for number, chunk in enumerate(chunks) if chunk.is_last]
        writings = [self.writings[chunks[number].row] for number in speaking]
        for chunk in chunks:
            self.scheduler.done(chunk)
        pieces = self.pieces(writings, hidden, ragged, speaking) if speaking else []
        for writing in writings:
            if writing.reply.finish_reason:
                self.leave(writing.row)
        return pieces

    def mean_state(self, text: Sequence[int]) -> Float[Tensor, " D"]:
        return self.model(torch.tensor([list(text)], device=self.device))[0].float().mean(0)

    def leave(self, row: Row) -> None:
        """Be done with a row."""
        self.scheduler.remove(row)
        del self.writings[row]

    def begin(self, writing: Writing) -> None:
        """Note when a request was begun, and what others had read for it."""
        if writing.reply.timing.started is None:
            writing.reply.timing.start()
            writing.reply.n_shared = writing.row.n_shared or 0

    def ragged(self, chunks: Sequence[Chunk]) -> Ragged:
        """The chunks as the model reads them. The cache grows to hold them, where it is not large enough already."""
        n_places = len(self.blocks.n_holders) * BLOCK_TOKENS
        if n_places > self.cache.n_places:
            self.cache.grow(n_places)
        parts = []
        for chunk in chunks:
            row, end = chunk.row, chunk.row.n_read + chunk.n_new
            parts.append(Part(row.ids[row.n_read : end], cut(row.runs, end)))
        return Ragged(self.cache, parts, self.model.compute_dtype)

    def pieces(
        self, writings: Sequence[Writing], hidden: Float[Tensor, "T D"], ragged: Ragged, speaking: Sequence[int]
    ) -> list[Piece]:
        """Say the next token of the rows that are read to their end."""
        is_penalized = any(writing.config.repetition_penalty != 1.0 for writing in writings)
        context = ragged.context(speaking) if is_penalized or self.model.copy_head is not None else None
        prediction = Prediction(self.model, hidden[[ragged.ends[number] for number in speaking]], context)
        chosen = self.chosen(writings, prediction)
        log_probs = prediction.log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1)
        numbers = torch.stack((chosen.double(), log_probs.double(), prediction.origins(chosen).double()), dim=1).tolist()
        choices = self.likeliest(prediction.log_probs, [writing.reply.request.n_likeliest for writing in writings])
        return [
            self.piece(writing, int(id), log_prob, int(origin), likeliest)
            for writing, (id, log_prob, origin), likeliest in zip(writings, numbers, choices)
        ]

    def chosen(self, writings: Sequence[Writing], prediction: Prediction) -> Int[Tensor, " R"]:
        """The next token of each row; rows that choose in the same way do so together."""
        ways = list(groups([way_of_choosing(writing.config) for writing in writings]))
        chosen = torch.empty(len(writings), dtype=torch.long, device=self.device)
        for rows in ways:
            config = writings[rows[0]].config
            scores = prediction.log_probs if config.repetition_penalty == 1.0 else lessened(prediction, config)
            scores = allowed_only(scores if len(ways) == 1 else scores[rows], [writings[row].matcher for row in rows])
            draws = [writings[row].draw() for row in rows] if config.temperature is not None else []
            chosen[rows] = choose(scores, config, draws)
        return chosen

    def piece(self, writing: Writing, id: int, log_prob: float, origin: int, likeliest: tuple[Choice, ...]) -> Piece:
        """Say a token, or end the reply with it."""
        if id in self.ends:
            return writing.end()
        is_in_prompt = 0 <= origin < len(writing.reply.prompt_ids)
        copied_from = origin if is_in_prompt else None
        return writing.say(Token(id, self.tokenizer.token_bytes(id), log_prob, copied_from, likeliest))


def cut(runs: Sequence[range], n: int) -> list[range]:
    """The first `n` places of some runs."""
    result: list[range] = []
    for run in runs:
        if n <= 0:
            break
        result.append(run[:n])
        n -= len(run)
    return result


def way_of_choosing(config: GenerateConfig) -> tuple[object, ...]:
    """What must be the same for rows to choose their tokens together."""
    return (
        *(config.temperature, config.top_k, config.top_p, config.min_p),
        *(config.repetition_penalty, config.repetition_window),
    )


def groups(keys: Sequence[object]) -> Iterator[list[int]]:
    """The places of equal keys."""
    for key in dict.fromkeys(keys):
        yield [place for place, other in enumerate(keys) if other == key]


def lessened(prediction: Prediction, config: GenerateConfig) -> Float[Tensor, "R V"]:
    """Logits in which the tokens that were read count less."""
    context: Context | None = prediction.context
    assert context is not None
    return penalized(prediction.logits, context.latest(config.repetition_window), config.repetition_penalty)
