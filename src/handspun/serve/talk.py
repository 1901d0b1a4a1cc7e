"""What is asked of a model, in whichever protocol, and the replies on their way."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from handspun.corpus.document import Message
from handspun.errors import RefusedError
from handspun.generate.constraint import Constraint
from handspun.generate.request import Request
from handspun.retrieve.follow_up import is_about_the_model
from handspun.serve.models import Loaded, Models
from handspun.serve.options import Options, joined, sampling
from handspun.serve.parts import Part, gathered, parts, seeded, unasked
from handspun.serve.prompt import Prompt, continuation, conversation
from handspun.serve.quotations import Quotation, Quotations
from handspun.serve.reading import Reading


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
    index: str | None = None
    """the index to answer through; None: as the options say"""


class Talk:
    """A model that was asked."""

    def __init__(
        self, ask: Ask, loaded: Loaded, prompts: Sequence[Prompt], options: Options, reading: Reading | None = None
    ) -> None:
        self.reading = reading
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
        if self.reading and not self.prompts:
            return unasked(self.reading.unknown, self.ask.n_replies)
        made = parts(self.worker, self.requests)
        return made if is_stream else gathered(made)

    def quoted(self, part: Part) -> list[Quotation]:
        """What a part of a reply has quoted from the messages."""
        if not part.tokens:
            return []
        return self.quotations[part.number // self.ask.n_replies].among(part.tokens)

    async def findings(self, part: Part) -> dict[str, Any]:
        """What a reply that ends with this part says of where it comes from; nothing where no index was asked."""
        return await asyncio.to_thread(self.reading.findings, part.reply) if self.reading else {}


@asynccontextmanager
async def talk(models: Models, ask: Ask) -> AsyncIterator[Talk]:
    """The model that was asked, in memory as long as this is entered, as is the index that it is asked to answer through.

    Raises what `Models.use` and `Searchers.use` raise, PromptError, and RefusedError where there is no question to an index.
    """
    async with models.use(ask.model, ask.keep_alive_s) as loaded:
        options = options_of(loaded, ask)
        async with reading_of(models, loaded, ask, options) as reading:
            prompts = reading.prompts if reading else await asyncio.to_thread(prompts_of, loaded, ask, options)
            yield Talk(ask, loaded, prompts, options, reading)


@asynccontextmanager
async def reading_of(models: Models, loaded: Loaded, ask: Ask, options: Options) -> AsyncIterator[Reading | None]:
    """What was found for the last message; None where no index is asked. "Who are you?" is not looked up: no index knows."""
    if options.index is None:
        yield None
        return
    messages = messages_of(ask)
    async with models.searchers.use(options.index) as searcher:
        if is_about_the_model(messages[-1].content):
            yield None
            return
        with models.meter.searching(options.index):
            reading = await asyncio.to_thread(Reading, searcher, loaded, messages, options)
        yield reading


def options_of(loaded: Loaded, ask: Ask) -> Options:
    """What holds: what the model was created with, what is asked for among the options, and what beside them."""
    beside = {"truncate": ask.truncate, "index": ask.index}
    options = joined(loaded.entry.options, ask.options)
    return options.model_copy(update={name: value for name, value in beside.items() if value is not None})


def prompts_of(loaded: Loaded, ask: Ask, options: Options) -> list[Prompt]:
    """What the model is to read. Raises PromptError."""
    texts = [said for said in ask.said if isinstance(said, str)]
    if texts:
        return [continuation(loaded, text, options) for text in texts]
    return [conversation(loaded, messages_of(ask), options)]


def messages_of(ask: Ask) -> list[Message]:
    """The messages of a conversation. Raises RefusedError for texts, which are gone on with and ask nothing."""
    messages = [said for said in ask.said if isinstance(said, Message)]
    if not messages:
        raise RefusedError("an index answers messages, not a text that is gone on with; send messages, or leave the index out.")
    return messages


def constraint_of(schema: dict[str, Any] | str | None) -> Constraint | None:
    """The constraint for "json" or a JSON Schema; none for nothing."""
    if isinstance(schema, dict):
        return Constraint(schema)
    return Constraint() if schema else None
