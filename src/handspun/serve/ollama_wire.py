"""The messages of Ollama's protocol."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from handspun.serve.findings import Findings
from handspun.serve.logprobs import Logprob
from handspun.serve.options import Options
from handspun.serve.quotations import Quotation
from handspun.serve.wire import (
    MAX_INPUTS,
    MAX_LIKELIEST,
    MAX_MESSAGES,
    Absent,
    Ignored,
    IndexName,
    Keeping,
    NoImages,
    NoTools,
    Wire,
    only,
)

Name = Annotated[str, Field(min_length=1, max_length=256)]
Format = Literal["", "json"] | dict[str, Any] | None
"""json: any object; a JSON Schema: an object that fits it"""
NoThinking = Annotated[
    Literal[False, ""] | None, only((None, False, ""), "no model here thinks before it answers; leave it out")
]


class ChatMessage(Wire):
    """One message. What clients hang on it besides, such as what an earlier answer held, is passed over."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "passage", "user", "assistant"]
    """passage: a text to read before the user's message"""
    content: str | None = None
    images: NoImages = None
    tool_calls: NoTools = None


class Spoken(Keeping):
    """What chat and generate have in common."""

    model: Name
    stream: bool | None = None
    format: Format = None
    options: Options | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_LIKELIEST)] | None = None
    truncate: bool | None = None
    """leave out what is oldest where a prompt is too long, instead of refusing it; the answer says how much"""
    index: IndexName | None = None
    """the index to answer through"""
    shift: Ignored = None
    think: NoThinking = None


class ChatRequest(Spoken):
    """POST /api/chat. No messages: load the model, or unload it where keep_alive is 0."""

    messages: Annotated[list[ChatMessage], Field(max_length=MAX_MESSAGES)] | None = None
    tools: NoTools = None


class GenerateRequest(Spoken):
    """POST /api/generate. No prompt: load the model, or unload it where keep_alive is 0."""

    prompt: str | None = None
    system: str | None = None
    raw: bool | None = None
    """go on with the prompt as it is, instead of replying to it"""
    suffix: Annotated[Literal[""] | None, only((None, ""), "no model here fills a gap; leave it out")] = None
    template: Annotated[
        Literal[""] | None, only((None, ""), "a model keeps to its own template; send messages to /api/chat")
    ] = None
    context: Annotated[
        Annotated[list[int], Field(max_length=0)] | None,
        only((None, []), "this is not supported; send the messages of a conversation to /api/chat"),
    ] = None
    images: NoImages = None
    width: Absent = None
    height: Absent = None
    steps: Absent = None


class EmbedRequest(Keeping):
    """POST /api/embed."""

    model: Name
    input: str | Annotated[list[str], Field(max_length=MAX_INPUTS)]
    truncate: bool | None = None
    """read only the beginning of a text that is too long, instead of refusing it; the answer says how much"""
    dimensions: Annotated[int, Field(ge=1)] | None = None
    options: Options | None = None


class EmbeddingsRequest(Keeping):
    """POST /api/embeddings, which /api/embed has superseded."""

    model: Name
    prompt: str | None = None
    options: Options | None = None


class NamedRequest(Wire):
    """A request about one model, which older clients call name."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["model"]}, {"required": ["name"]}]})

    model: Name = ""
    name: Name = ""

    @property
    def called(self) -> str:
        """The name of the model."""
        return self.model or self.name

    @model_validator(mode="after")
    def name_a_model(self) -> Self:
        if not self.called:
            raise PydanticCustomError("missing_model", "{key} is missing", {"key": "model"})
        return self


class ShowRequest(NamedRequest):
    """POST /api/show."""

    verbose: Ignored = None
    system: Ignored = None
    template: Ignored = None
    options: Ignored = None


class PullRequest(NamedRequest):
    """POST /api/pull."""

    stream: bool | None = None
    insecure: Ignored = None
    username: Ignored = None
    password: Ignored = None


class CopyRequest(Wire):
    """POST /api/copy."""

    source: Name
    destination: Name


class CreateRequest(NamedRequest):
    """POST /api/create: a new name for a model, with a system message and options of its own."""

    from_: Annotated[Name | None, Field(alias="from")] = None
    system: str | None = None
    parameters: Options | None = None
    stream: bool | None = None
    license: Ignored = None
    quantize: Absent = None
    files: Absent = None
    adapters: Absent = None
    template: Absent = None
    messages: Absent = None


class ReplyMessage(Wire):
    """A message of the model, or the next part of one."""

    role: Literal["assistant"]
    content: str


class Line(Wire):
    """What the answers of chat and generate have in common; a stream is lines of these."""

    model: str
    created_at: str
    done: bool
    logprobs: list[Logprob] | None = None
    copied_from: list[Quotation] | None = None
    """what was quoted from the messages, where the model has a copy head"""


class Statistics(Findings):
    """The end of a reply; durations are in nanoseconds."""

    done_reason: Literal["stop", "length", "load", "unload"] | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None
    truncated_tokens: int | None = None
    """tokens of the prompt that were left out because there was no room for them"""


class ChatLine(Statistics, Line):
    """An answer of /api/chat, or a line of it."""

    message: ReplyMessage


class GenerateLine(Statistics, Line):
    """An answer of /api/generate, or a line of it."""

    response: str


class EmbedAnswer(Wire):
    """The answer of /api/embed."""

    model: str
    embeddings: list[list[float]]
    total_duration: int
    load_duration: int
    prompt_eval_count: int
    truncated_tokens: int | None = None


class EmbeddingsAnswer(Wire):
    """The answer of /api/embeddings."""

    embedding: list[float]


class Details(Wire):
    """What a list says of a model."""

    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str


class Listed(Wire):
    """A model in the list of those there are."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details


class Running(Wire):
    """A model in memory."""

    name: str
    model: str
    size: int
    size_vram: int
    digest: str
    details: Details
    expires_at: str
    context_length: int


class Tags(Wire):
    """The answer of /api/tags."""

    models: list[Listed]


class Processes(Wire):
    """The answer of /api/ps."""

    models: list[Running]


class Shown(Wire):
    """The answer of /api/show."""

    modelfile: str
    parameters: str
    template: str
    system: str
    details: Details
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class Version(Wire):
    """The answer of /api/version: the Ollama whose protocol is spoken, and who speaks it."""

    version: str
    handspun: str
    serve: dict[str, Any]
    """the settings it serves with"""


class Progress(Wire):
    """A step of create or pull."""

    status: str


class OllamaError(Wire):
    """What went wrong."""

    error: str
