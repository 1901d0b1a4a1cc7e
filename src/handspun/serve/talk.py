"""What is asked of a model, in whichever protocol, and the replies on their way."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from handspun.corpus.document import Message
from handspun.generate.constraint import Constraint
from handspun.generate.request import Request
from handspun.serve.models import Loaded, Models
from handspun.serve.options import Options, joined, sampling
from handspun.serve.parts import Part, gathered, parts, seeded
from handspun.serve.prompt import Prompt, continuation, conversation
from handspun.serve.quotations import Quotation, Quotations


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Messages to reply to, or texts to go on with, and how."""

    model: str
    said: Sequence[Message] | Sequence[str]
    options: Options = field(default_factory=Options)
    keep_alive_s: float | None = None
    constraint: Constraint | None = None
    n_likeliest: int = 0
    n_replies: int = 1
    """to the messages, or to each of the texts"""
    truncate: bool | None = None
    """whether what is oldest may be left out; None: as the options say"""


class Talk:
    """A model that was asked."""

    def __init__(self, ask: Ask, loaded: Loaded, prompts: Sequence[Prompt], options: Options) -> None:
        self.ask, self.prompts, self.entry, self.worker = ask, prompts, loaded.entry, loaded.worker
        configs = [sampling(options, loaded.entry.generate, prompt.room) for prompt in prompts]
        requests = [
            Request(prompt.ids, config, ask.constraint, ask.n_likeliest)
            for prompt, config in zip(prompts, configs, strict=True)
        ]
        self.requests = [one for request in requests for one in seeded(request, ask.n_replies)]
        self.quotations = [Quotations(loaded.tokenizer, prompt) for prompt in prompts]

    @property
    def n_prompt(self) -> int:
        """Tokens of all prompts."""
        return sum(len(prompt.ids) for prompt in self.prompts)

    @property
    def n_truncated(self) -> int:
        """Tokens of what was sent that were left out."""
        return sum(prompt.n_truncated for prompt in self.prompts)

    def parts(self, *, is_stream: bool) -> AsyncGenerator[Part, None]:
        """The replies as they come, or each at its end."""
        made = parts(self.worker, self.requests)
        return made if is_stream else gathered(made)

    def quoted(self, part: Part) -> list[Quotation]:
        """What a part of a reply has quoted from the messages."""
        return self.quotations[part.number // self.ask.n_replies].among(part.tokens)


@asynccontextmanager
async def talk(models: Models, ask: Ask) -> AsyncIterator[Talk]:
    """The model that was asked, in memory as long as this is entered. Raises what `Models.use` raises, and PromptError."""
    async with models.use(ask.model, ask.keep_alive_s) as loaded:
        options = joined(loaded.entry.options, ask.options)
        if ask.truncate is not None:
            options = options.model_copy(update={"truncate": ask.truncate})
        prompts = await asyncio.to_thread(prompts_of, loaded, ask, options)
        yield Talk(ask, loaded, prompts, options)


def prompts_of(loaded: Loaded, ask: Ask, options: Options) -> list[Prompt]:
    """What the model is to read. Raises PromptError."""
    texts = [said for said in ask.said if isinstance(said, str)]
    if texts:
        return [continuation(loaded, text, options) for text in texts]
    messages = [said for said in ask.said if isinstance(said, Message)]
    return [conversation(loaded, messages, options)]


def constraint_of(schema: dict[str, Any] | str | None) -> Constraint | None:
    """The constraint for "json" or a JSON Schema; none for nothing."""
    if isinstance(schema, dict):
        return Constraint(schema)
    return Constraint() if schema else None
